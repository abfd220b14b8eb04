/// \file
/// Where a test breaks a save: in front of every call to the system that a written file depends on.
#pragma once

#include <atomic>

namespace gradus::io {

/// Gets the name of a call that is about to be made, and says what becomes of it: 0 lets it
/// happen, an error number (ENOSPC) makes it fail with that error. It may also end the process, as
/// kill -9 would in that moment. In the order of a save that keeps the file before:
///
///     open              the temporary file
///     write             once for each piece of the file
///     fsync             the temporary file
///     exchange          the new file and the old one, which then has the temporary name
///     keep              the old one becomes the previous one
///     fsync_directory
///
/// Where the file system cannot exchange two files, `keep` comes first and `rename` follows it;
/// where there was no file before, or it is not kept, `rename` stands alone.
using Failpoint = int (*)(const char* call);

/// The one that is asked; nullptr, as in every program that is no test, costs a comparison.
inline std::atomic<Failpoint> failpoint = nullptr;

}  // namespace gradus::io
