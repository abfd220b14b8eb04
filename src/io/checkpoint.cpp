#include "gradus/io/checkpoint.h"

#include "gradus/io/file.h"
#include "io/shown.h"
#include "io/xxhash.h"
#include "out_of_memory.h"

namespace gradus::io {
namespace fs = std::filesystem;
namespace {

constexpr const char* checksum_key = "checksum";

// The state without its checksum, which is compared.
State checked(State state) {
  const auto found = state.metadata.find(checksum_key);
  check(found != state.metadata.end(), "there is no checksum, so this is no checkpoint");
  const std::string actual = checksum(state);
  if (found->second != actual)
    fail("damaged: the checksum is {}, but that of the contents is {}", shown(found->second),
         actual);
  state.metadata.erase(found);
  return state;
}

State load_one(const fs::path& path) {
  State state = load_safetensors(path);
  return naming([&] { return checked(std::move(state)); }, "load_checkpoint: {}", path.native());
}

// One that cannot be read just now, for want of memory or of a right, may well be whole.
bool is_damaged(const fs::path& path) {
  try {
    load_one(path);
    return false;
  } catch (const Unavailable&) {
    return false;
  } catch (const Error&) {
    return true;
  }
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

Checkpoint load_either(const fs::path& path) {
  const fs::path previous = previous_checkpoint(path);
  std::string problem;
  if (is_there(path) || !is_there(previous)) {
    // Permissions, a directory, or neither file: not for the previous one to make good.
    const InputFile can_be_opened(path);
    try {
      return {load_one(path), ""};
    } catch (const Unavailable&) {
      throw;
    } catch (const Error& error) {
      problem = error.what();
    }
  } else {
    problem = fmt::format("load_checkpoint: {} is missing", path.string());
  }
  check(is_there(previous), "{}; there is no {}", problem, previous.filename().string());
  try {
    return {load_one(previous),
            fmt::format("{}; {} is used instead", problem, previous.filename().string())};
  } catch (const Error& error) {
    fail("{}; and {}", problem, error.what());
  }
}

}  // namespace

fs::path previous_checkpoint(const fs::path& path) {
  fs::path previous = real_path(path);
  return previous += ".previous";
}

std::string checksum(const State& state) {
  uint64_t sum = 0;
  const auto add = [&](const void* data, size_t bytes) { sum = xxh64(data, bytes, sum); };
  const auto add_text = [&](std::string_view text) { add(text.data(), text.size()); };
  for (const auto& [name, text] : state.metadata) {
    if (name == checksum_key) continue;
    add_text(name);
    add_text(text);
  }
  for (const auto& [name, value] : state.arrays) {
    add_text(name);
    add_text(gradus::name(value.dtype()));
    add_text(value.shape().to_string());
    const Array array = value.contiguous();
    dispatch(array.dtype(), [&]<class T> {
      add(array.data<T>(), static_cast<size_t>(array.numel()) * sizeof(T));
    });
  }
  return fmt::format("{:016x}", sum);
}

State parse_checkpoint(std::string_view bytes) {
  return with_memory([&] { return checked(parse_safetensors(bytes)); }, "parse_checkpoint");
}

void save_checkpoint(const fs::path& path, const State& state) {
  const auto save = [&] {
    State sealed = state;  // handles on the same arrays
    const bool is_new = sealed.metadata.emplace(checksum_key, checksum(state)).second;
    check(is_new, "save_checkpoint: the state has a text \"{}\" already", checksum_key);

    OutputFile file(path);
    write_safetensors(file, sealed);
    if (is_there(path) && !is_damaged(path))
      file.commit_keeping(previous_checkpoint(path));
    else
      file.commit();
  };
  with_memory(save, "save_checkpoint: {}", path.native());
}

Checkpoint load_checkpoint(const fs::path& path) {
  return with_memory([&] { return load_either(path); }, "load_checkpoint: {}", path.native());
}

}  // namespace gradus::io
