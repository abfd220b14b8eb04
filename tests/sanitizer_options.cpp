// What the sanitizers' run-time libraries ask of a program before it begins; without them nobody
// does. Asking for more memory than there is becomes an Error of ours, as it is without a
// sanitizer, not the end of the program.
namespace {
const char* const options = "allocator_may_return_null=1";
}

extern "C" const char* __asan_default_options() { return options; }
extern "C" const char* __tsan_default_options() { return options; }
