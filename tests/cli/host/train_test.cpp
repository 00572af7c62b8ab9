#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <random>
#include <thread>

#include "command_line.hpp"
#include "partita/training/checkpoint.hpp"
#include "training/fixtures.hpp"

namespace partita::cli::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

/// A port that nobody listens on.
int free_port() {
  const int opened = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  EXPECT_EQ(::bind(opened, reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(::getsockname(opened, reinterpret_cast<sockaddr*>(&address), &length), 0);
  ::close(opened);
  return ntohs(address.sin_port);
}

/// `partita train` on a tiny store, in processes that may die.
class Trained : public CommandLine {
 protected:
  void SetUp() override {
    data::StoreInfo info{"mel", 24000, training::fixtures::kChannels, training::fixtures::kFrames, {}, 0};
    data::StoreWriter writer(in("store"), info);
    writer.add("train", training::fixtures::random_latents(10, 1), {}, {}, {});
    writer.add("validation", training::fixtures::random_latents(4, 2), {}, {}, {});
    writer.finish();
  }

  /// Writes <name>.toml, a decomposition trained into the folder <name>.
  void configure(const std::string& name, const std::string& keys, bool drawing = true) const {
    const std::string text =
        training::fixtures::without_norm(training::fixtures::configuration("store", name, keys));
    put_bytes(in(name + ".toml"), drawing ? text : training::fixtures::without_draws(text));
  }
  static Words training(const std::string& name, bool resume = false,
                        const std::string& kind = "decomposition") {
    Words arguments{"train", kind, name + ".toml"};
    if (resume) arguments.emplace_back("--resume");
    return arguments;
  }
  void train(const std::string& name, bool resume = false) const { expect_done(run(training(name, resume))); }

  [[nodiscard]] std::size_t logged(const std::string& name) const {
    return lines(bytes_of(in(name) / "log.csv")).size();
  }
  /// Until the log has grown beyond `rows`, or the program has ended.
  void wait_for_rows(Process& process, const std::string& name, std::size_t rows) const {
    const auto end = steady_clock::now() + seconds(60);
    while (logged(name) <= rows && process.running() && steady_clock::now() < end)
      std::this_thread::sleep_for(milliseconds(2));
  }

  /// Kills a run twenty times at random moments, lets it end, and compares it with one left alone.
  void expect_equal_after_kills(const std::string& kind,
                                const std::string& weights = "model.safetensors") const {
    expect_done(run(training("straight", false, kind)));
    std::mt19937 random(5);
    int killed = 0;
    for (int kill = 0; kill < 20; ++kill) {
      Process process(words(training("killed", kill > 0, kind)), setting());
      wait_for_rows(process, "killed", 0);
      std::this_thread::sleep_for(milliseconds(random() % 400));
      killed += process.running() ? 1 : 0;
      process.send(SIGKILL);
      (void)process.wait();
    }
    EXPECT_GE(killed, 15) << "the run was over too soon for this test";
    expect_done(run(training("killed", true, kind)));
    const auto straight = training::newest_checkpoint(in("straight"));
    const auto resumed = training::newest_checkpoint(in("killed"));
    ASSERT_TRUE(straight && resumed);
    ASSERT_EQ(straight->step, resumed->step);
    for (const auto& [name, tensor] : straight->state)
      EXPECT_TRUE(torch::equal(tensor, resumed->state.at(name))) << name;
    EXPECT_EQ(bytes_of(in("straight") / "validation.csv"), bytes_of(in("killed") / "validation.csv"));
    EXPECT_TRUE(bytes_of(in("straight") / "model" / weights) == bytes_of(in("killed") / "model" / weights));
  }

  /// `count` processes that train together.
  [[nodiscard]] std::vector<std::unique_ptr<Process>> ranks(const std::string& name, int count,
                                                            bool resume = false) const {
    const std::string port = std::to_string(free_port());
    std::vector<std::unique_ptr<Process>> started;
    for (int rank = 0; rank < count; ++rank) started.push_back(start_rank(name, rank, count, port, resume));
    return started;
  }
  [[nodiscard]] std::unique_ptr<Process> start_rank(const std::string& name, int rank, int size,
                                                    const std::string& port, bool resume) const {
    Setting with_ranks = setting();
    with_ranks.environment.insert({{"MASTER_ADDR", "127.0.0.1"},
                                   {"MASTER_PORT", port},
                                   {"RANK", std::to_string(rank)},
                                   {"WORLD_SIZE", std::to_string(size)}});
    return std::make_unique<Process>(words(training(name, resume)), with_ranks);
  }
  void train_together(const std::string& name, int count, bool resume = false) const {
    for (const auto& process : ranks(name, count, resume)) expect_done(process->wait());
  }

  void expect_same_training(const std::string& one, const std::string& other, double tolerance = 1e-5) const {
    const auto a = training::newest_checkpoint(in(one));
    const auto b = training::newest_checkpoint(in(other));
    ASSERT_TRUE(a && b);
    ASSERT_EQ(a->step, b->step);
    for (const auto& [name, tensor] : io::select(a->state, "model")) {
      EXPECT_LE((tensor - b->state.at("model." + name)).abs().max().item<double>(), tolerance) << name;
    }
  }
};

constexpr const char* kTwentySteps = "autoencoder_steps = 10\ndiffusion_steps = 10\ncheckpoint_every = 10\n";

TEST_F(Trained, SettingsInPlaceOfTheConfigurations) {
  configure("one", "autoencoder_steps = 0\ndiffusion_steps = 2\ncheckpoint_every = 1\n");
  Words more = training("one");
  more.insert(more.end(), {"--set", "training.output=another", "--set", "model.comp_function=max"});
  expect_done(run(more));
  EXPECT_FALSE(std::filesystem::exists(in("one")));
  EXPECT_THAT(bytes_of(in("another") / "model" / "model.toml"), HasSubstr("max"));
  const auto refused = [&](const std::string& setting, const std::string& part) {
    expect_failure(run({"train", "decomposition", "--set", setting, "one.toml"}), 2, {part});
  };
  refused("model.comp_function", "TABLE.KEY=VALUE");
  refused("=max", "TABLE.KEY=VALUE");
}

TEST_F(Trained, DecompositionKilledTwentyTimesEndsTheSame) {
  const std::string keys =
      "autoencoder_steps = 400\ndiffusion_steps = 400\ncheckpoint_every = 7\nvalidate_every = 50\n";
  configure("straight", keys);
  configure("killed", keys);
  expect_equal_after_kills("decomposition");
}

TEST_F(Trained, MasksKilledTwentyTimesEndTheSame) {
  configure("teacher", "autoencoder_steps = 2\ndiffusion_steps = 0\n");
  train("teacher");
  for (const std::string name : {"straight", "killed"}) {
    put_bytes(in(name + ".toml"), fmt::format(R"([data]
store = "store"
[training]
output = "{}"
name = "refined"
batch_size = 4
crop_frames = 16
log_every = 1
checkpoint_every = 7
validate_every = 50
ema_decay = 0.9
learning_rate = 1e-3
[remix]
decomposition = "./teacher/model"
rounds = 3
round_steps = 500
[masks]
channels = 8
dilations = [1, 2]
)",
                                              name));
  }
  expect_equal_after_kills("masks");
}

TEST_F(Trained, CodecKilledTwentyTimesEndsTheSame) {
  training::fixtures::write_sounds(in("sounds"), training::fixtures::chords(5, 16 * 320, 1),
                                   training::fixtures::chords(1, 16 * 320, 2));
  for (const std::string name : {"straight", "killed"}) {
    put_bytes(in(name + ".toml"),
              training::fixtures::vocoder_configuration(
                  "sounds", name,
                  "reconstruction_steps = 300\nadversarial_steps = 300\ncheckpoint_every = 7\n"
                  "validate_every = 50\nema_decay = 0.9\ngradient_clip = 1.0\n",
                  "[adversary]\nchannels = 2\nlayers = 2\n"));
  }
  expect_equal_after_kills("codec", "vocoder.safetensors");
}

TEST_F(Trained, PriorKilledTwentyTimesEndsTheSame) {
  configure("teacher", "autoencoder_steps = 2\ndiffusion_steps = 0\n");
  train("teacher");
  for (const std::string name : {"straight", "killed"}) {
    put_bytes(in(name + ".toml"), training::fixtures::prior_configuration(
                                      "store", "./teacher/model", name,
                                      "prior_steps = 1500\ncheckpoint_every = 7\nvalidate_every = 50\n", ""));
  }
  expect_equal_after_kills("prior", "prior.safetensors");
}

TEST_F(Trained, TwoRanksEqualOneOfTheWholeBatch) {
  configure("alone", kTwentySteps, false);
  configure("together", kTwentySteps, false);
  train("alone");
  train_together("together", 2);
  expect_same_training("alone", "together");
  EXPECT_TRUE(fs::exists(in("together") / "model" / "model.safetensors"));
}

TEST_F(Trained, TwoRanksEqualOneThatAccumulatesTwice) {
  configure("alone", std::string(kTwentySteps) + "accumulate = 2\n");
  configure("together", kTwentySteps);
  train("alone");
  train_together("together", 2);
  expect_same_training("alone", "together");
}

TEST_F(Trained, ACheckpointOfTwoRanksGoesOnWithOne) {
  configure("alone", kTwentySteps, false);
  train("alone");
  const std::string half =
      training::fixtures::replaced(kTwentySteps, "diffusion_steps = 10", "diffusion_steps = 2");
  configure("together", half, false);
  train_together("together", 2);
  configure("together", kTwentySteps, false);
  // The rate falls towards a stage's end, which the shorter run had nearer: go on from before that stage.
  fs::remove_all(in("together") / "checkpoints" / "step-00000012");
  train("together", true);
  expect_same_training("alone", "together");
}

TEST_F(Trained, AKilledRankStopsTheOthersWithAClearError) {
  configure("run", "diffusion_steps = 1000000\nrank_timeout = 30\n");
  const auto processes = ranks("run", 2);
  wait_for_rows(*processes[0], "run", 3);
  processes[1]->send(SIGKILL);
  const auto start = steady_clock::now();
  expect_failure(processes[0]->wait(), 1, {"rank 0 of 2", "another rank has ended"});
  EXPECT_LT(steady_clock::now() - start, seconds(30));
}

TEST_F(Trained, ARankThatHangsStopsTheOthersWithinTheTimeout) {
  configure("run", "diffusion_steps = 1000000\nrank_timeout = 3\n");
  const auto processes = ranks("run", 2);
  wait_for_rows(*processes[0], "run", 3);
  processes[1]->send(SIGSTOP);
  expect_failure(processes[0]->wait(seconds(60)), 1, {"rank 0 of 2", "did not answer in time"});
  processes[1]->send(SIGKILL);
}

TEST_F(Trained, CtrlCOnOneRankStopsAllWithACheckpoint) {
  configure("run", "diffusion_steps = 1000000\n");
  const auto processes = ranks("run", 2);
  wait_for_rows(*processes[0], "run", 3);
  processes[1]->send(SIGINT);
  for (const auto& process : processes) {
    const Finished finished = process->wait();
    EXPECT_EQ(finished.code, 130) << finished.err;
  }
  EXPECT_TRUE(training::newest_checkpoint(in("run")).has_value());
}

TEST_F(Trained, RanksThatDoNotComeAreNotWaitedForLongerThanTheTimeout) {
  configure("run", "diffusion_steps = 1\nrank_timeout = 2\n");
  const auto process = start_rank("run", 0, 2, std::to_string(free_port()), false);
  expect_failure(process->wait(seconds(60)), 1, {"rank 0 of 2", "did not all meet"});
}

TEST_F(Trained, AnEnvironmentThatMakesNoSenseIsRefused) {
  configure("run", "diffusion_steps = 1\n");
  expect_failure(start_rank("run", 2, 2, "29999", false)->wait(), 1, {"rank 2 of 2"});
  expect_failure(start_rank("run", 0, 2, "port", false)->wait(), 1, {"MASTER_PORT", "port"});
  configure("odd", "accumulate = 3\ndiffusion_steps = 1\n");
  expect_failure(run(training("odd")), 1, {"batch_size", "multiple"});
}

}  // namespace
}  // namespace partita::cli::test
