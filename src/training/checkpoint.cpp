#include "partita/training/checkpoint.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <system_error>
#include <vector>

#include "partita/io/atomic_file.hpp"
#include "partita/io/config.hpp"
#include "partita/io/sha256.hpp"
#include "toml_text.hpp"

namespace partita::training {
namespace {

namespace fs = std::filesystem;

constexpr int kFormat = 2;
constexpr std::string_view kPrefix = "step-";

fs::path folder_of(const fs::path& run, std::int64_t step) {
  return run / "checkpoints" / fmt::format("{}{:08}", kPrefix, step);
}

/// Checkpoint folders, newest first.
std::vector<fs::path> folders(const fs::path& run) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints", error)) {
    if (entry.is_directory() && entry.path().filename().string().starts_with(kPrefix))
      found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end(), std::greater<>());
  return found;
}

void remove_checkpoint(const fs::path& folder) {
  std::error_code error;
  fs::remove(folder / "checkpoint.toml", error);
  fs::remove_all(folder, error);
  if (error) spdlog::warn("{}: old checkpoint could not be removed: {}", folder.string(), error.message());
}

/// Removes all but the `keep` newest up to `newest`; later ones are leftovers of a broken checkpoint.
void prune(const fs::path& run, const fs::path& newest, std::size_t keep) {
  std::size_t kept = 0;
  for (const fs::path& folder : folders(run)) {
    if (folder <= newest && kept < keep) {
      ++kept;
      continue;
    }
    remove_checkpoint(folder);
  }
}

void write_files(const fs::path& folder, const Checkpoint& checkpoint) {
  io::write_safetensors(folder / "state.safetensors", checkpoint.state, {{"kind", "partita training state"}});
  io::write_file(folder / "configuration.toml", checkpoint.configuration);
  std::string card = fmt::format(
      "format = {}\nstep = {}\nstage = {}\nstage_step = {}\nclips = {}\nminutes = {:.6f}\nmachine = "
      "{}\nstale = {}\n"
      "state_sha256 = \"{}\"\nconfiguration_sha256 = \"{}\"\n",
      kFormat, checkpoint.step, toml_string(checkpoint.stage), checkpoint.stage_step, checkpoint.clips,
      checkpoint.minutes, toml_string(checkpoint.machine), checkpoint.stale,
      io::sha256_file(folder / "state.safetensors"), io::sha256(checkpoint.configuration));
  if (checkpoint.best_score > kNoScore) card += fmt::format("best_score = {:.17e}\n", checkpoint.best_score);
  io::write_file(folder / "checkpoint.toml", card);
}

void read_fields(const io::Config& card, Checkpoint& checkpoint) {
  checkpoint.step = card.get<std::int64_t>("step");
  checkpoint.stage = card.get<std::string>("stage");
  checkpoint.stage_step = card.get<std::int64_t>("stage_step");
  checkpoint.clips = card.get<std::int64_t>("clips");
  checkpoint.minutes = card.get<double>("minutes");
  checkpoint.machine = card.get<std::string>("machine", "not recorded");
  checkpoint.best_score = card.get<double>("best_score", kNoScore);
  checkpoint.stale = card.get<std::int64_t>("stale", 0);
}

void check_hash(const fs::path& file, const std::string& expected) {
  const std::string found = io::sha256_file(file);
  if (found != expected) {
    fail<TrainingError>("{}: SHA-256 is {}, checkpoint.toml says {}", file.string(), found, expected);
  }
}

}  // namespace

void write_checkpoint(const fs::path& run, const Checkpoint& checkpoint, std::size_t keep) {
  const fs::path folder = folder_of(run, checkpoint.step);
  const fs::path unfinished = folder.parent_path() / ".unfinished";
  std::error_code error;
  fs::remove_all(unfinished, error);
  try {
    write_files(unfinished, checkpoint);
    remove_checkpoint(folder);
    fs::rename(unfinished, folder);
  } catch (const std::exception& failure) {
    fs::remove_all(unfinished, error);
    throw;
  }
  prune(run, folder, keep);
}

Checkpoint read_checkpoint(const fs::path& folder) {
  if (!fs::exists(folder / "checkpoint.toml")) {
    fail<TrainingError>("{}: no checkpoint.toml, so the checkpoint was cut off", folder.string());
  }
  try {
    const io::Config card = io::Config::load(folder / "checkpoint.toml");
    if (const auto format = card.get<std::int64_t>("format"); format != kFormat) {
      fail<TrainingError>("{}: checkpoint format {}, this program reads {}", folder.string(), format,
                          kFormat);
    }
    Checkpoint checkpoint;
    read_fields(card, checkpoint);
    check_hash(folder / "state.safetensors", card.get<std::string>("state_sha256"));
    check_hash(folder / "configuration.toml", card.get<std::string>("configuration_sha256"));
    card.finish();
    checkpoint.configuration = io::read_file(folder / "configuration.toml");
    checkpoint.state = io::SafetensorsFile(folder / "state.safetensors").tensors();
    return checkpoint;
  } catch (const io::IoError& error) {
    fail<TrainingError>("{}: broken checkpoint: {}", folder.string(), error.what());
  }
}

std::optional<Checkpoint> newest_checkpoint(const fs::path& run) {
  const std::vector<fs::path> found = folders(run);
  for (const fs::path& folder : found) {
    try {
      return read_checkpoint(folder);
    } catch (const TrainingError& error) {
      spdlog::warn("{}; the checkpoint before it is used", error.what());
    }
  }
  if (!found.empty()) {
    fail<TrainingError>("{}: none of the {} checkpoints is whole; move the folder away to train anew",
                        (run / "checkpoints").string(), found.size());
  }
  return std::nullopt;
}

fs::path best_folder(const fs::path& run) { return run / "best"; }

bool has_checkpoints(const fs::path& run) { return !folders(run).empty(); }

}  // namespace partita::training
