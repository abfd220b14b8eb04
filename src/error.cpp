#include "gradus/error.h"

#include "out_of_memory.h"

namespace gradus {

void throw_error(fmt::string_view format, fmt::format_args args) {
  throw Error(fmt::vformat(format, args));
}
void throw_out_of_memory(const char* doing) { fail_out_of_memory("{}", doing); }

}  // namespace gradus
