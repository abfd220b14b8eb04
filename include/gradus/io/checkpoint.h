/// \file
/// Checkpoints: states that survive whatever happens while they are saved.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "gradus/io/safetensors.h"

namespace gradus::io {

/// Saves a state in two generations: the new one as `path`, and the one that was there as
/// previous_checkpoint(path).
///
/// The file is a safetensors file with one text more, "checksum", that load_checkpoint compares. It
/// is written under a temporary name, waits for the disk, and takes the place of the current one in
/// one step (OutputFile::commit_keeping); only then does the current one become the previous one.
/// Whenever the process is killed or the machine stops, one of the two names has a whole
/// checkpoint, and once this function has returned, `path` has this one. A current one that is
/// damaged is replaced and not kept: it would take the place of a good one. To know that, it is
/// read, which takes as long and as much memory as load_checkpoint. One that cannot be read just
/// now, because there is too little memory or it may not be opened, may be whole and is kept.
///
/// The same state gives the same bytes. \throws Error as save_safetensors, if the state has a text
/// "checksum" already, or if the file cannot be written, with the system's reason; then what could
/// be loaded before can be loaded still.
void save_checkpoint(const std::filesystem::path& path, const State& state);

/// What load_checkpoint has found.
struct Checkpoint {
  State state;       ///< as it was saved
  std::string note;  ///< why it is the previous one; empty if it is the one that was asked for
};

/// Reads a checkpoint and compares its checksum. If the file is missing or damaged, the previous
/// one is read instead, and the note says so; whoever calls this shows it to the user. A file that
/// is there and may not be opened is an error: the user can change that, and going on from an older
/// state would lose steps; so is a lack of memory. \throws Error if the file may not be read, is a
/// directory or a device, or if neither of the two is a whole checkpoint; then it says what is
/// wrong with each.
Checkpoint load_checkpoint(const std::filesystem::path& path);

/// Where save_checkpoint keeps the file that was `path` before: beside it, with ".previous" at the
/// end of its name.
std::filesystem::path previous_checkpoint(const std::filesystem::path& path);

/// A sum over all texts and over the names, dtypes, shapes and elements of all arrays, in 16
/// hexadecimal digits: another state almost surely has another one (XXH64). The text "checksum"
/// itself does not count.
std::string checksum(const State& state);

/// A checkpoint from memory that holds what the file would. \throws Error as parse_safetensors, or
/// if the checksum is missing or wrong: "damaged: the checksum is "3f...", but that of the contents
/// is 08...".
State parse_checkpoint(std::string_view bytes);

}  // namespace gradus::io
