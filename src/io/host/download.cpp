#include "partita/io/download.hpp"

#include <atomic>
#include <charconv>
#include <chrono>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include "http.hpp"
#include "partial_file.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/io/sha256.hpp"

namespace partita::io {
namespace {

constexpr auto kConnectTimeout = std::chrono::seconds(10);
constexpr auto kReadTimeout = std::chrono::seconds(30);
constexpr auto kPollInterval = std::chrono::milliseconds(50);
constexpr std::uint64_t kMegabyte = 1'000'000;
constexpr int kWhole = 200;
constexpr int kRest = 206;
constexpr int kNoSuchRange = 416;

/// "https://host:port" and "/path?query".
std::pair<std::string, std::string> split(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::string name = url.substr(0, scheme);
  if (scheme == std::string::npos || (name != "http" && name != "https")) {
    fail<IoError>("'{}' is no address to fetch from: expected http://... or https://...", url);
  }
  const std::size_t slash = url.find('/', scheme + 3);
  if (slash == std::string::npos || slash == scheme + 3) {
    fail<IoError>("'{}' is no address of a file: expected https://server/file", url);
  }
  return {url.substr(0, slash), url.substr(slash)};
}

/// Bytes that a server says are to come; 0 where it does not say. The library's own reading of numbers
/// changes with its versions.
std::uint64_t content_length(const httplib::Response& response) {
  const std::string text = response.get_header_value("Content-Length");
  std::uint64_t length = 0;
  std::from_chars(text.data(), text.data() + text.size(), length);
  return length;
}

/// Stops a client when the user asks to, also one that waits for a silent server.
class Watch {
 public:
  explicit Watch(httplib::Client& client)
      : thread_([this, &client] {
          while (!done_) {
            if (interrupt_requested()) client.stop();
            std::this_thread::sleep_for(kPollInterval);
          }
        }) {}
  ~Watch() {
    done_ = true;
    thread_.join();
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  std::atomic<bool> done_{false};
  std::thread thread_;
};

/// Shows bytes as megabytes of a total.
class Meter {
 public:
  Meter(Progress& progress, const std::string& label, std::uint64_t total)
      : progress_(progress), total_((total + kMegabyte - 1) / kMegabyte) {
    progress_.begin(label, static_cast<std::int64_t>(total_), "MB");
  }
  void add(std::uint64_t bytes) {
    bytes_ += bytes;
    const std::uint64_t whole = bytes_ / kMegabyte;
    progress_.advance(static_cast<std::int64_t>(whole - std::exchange(shown_, whole)));
  }
  void end() {
    progress_.advance(static_cast<std::int64_t>(total_ > shown_ ? total_ - shown_ : 0));
    progress_.end();
  }

 private:
  Progress& progress_;
  std::uint64_t total_;
  std::uint64_t bytes_ = 0;
  std::uint64_t shown_ = 0;
};

/// One request: what it asks for, and what becomes of the answer.
class Transfer {
 public:
  Transfer(const Download& wanted, PartialFile& part, Progress& progress)
      : wanted_(wanted), part_(part), progress_(progress), begin_(part.size()) {}

  /// Returns the status of the answer, whose body was kept if it is 200 or 206.
  int run() {
    const auto [server, file] = split(wanted_.url);
    httplib::Client client(server);
    client.set_follow_location(true);
    client.set_connection_timeout(kConnectTimeout);
    client.set_read_timeout(kReadTimeout);
    const httplib::Result result = get(client, file);
    if (fault_) std::rethrow_exception(fault_);
    throw_if_interrupted();
    const bool refused = result.error() == httplib::Error::Canceled && !takes_body();
    if (!result && !refused) explain(result.error());
    if (meter_) meter_->end();
    return status_;
  }

 private:
  httplib::Result get(httplib::Client& client, const std::string& file) {
    httplib::Headers headers{{"Accept-Encoding", "identity"}};
    if (begin_ > 0) {
      headers.emplace("Range", fmt::format("bytes={}-", begin_));
      if (const std::string etag = part_.etag(); !etag.empty()) headers.emplace("If-Range", etag);
    }
    const Watch watch(client);
    return client.Get(
        file, headers,
        [this](const httplib::Response& response) { return guarded([&] { begin(response); }); },
        [this](const char* data, std::size_t size) { return guarded([&] {
                                                       take({data, size});
                                                     }); });
  }

  /// No exception passes through the library: it is thrown again behind it.
  template <class Work>
  bool guarded(Work work) {
    try {
      work();
      return takes_body();
    } catch (...) {
      fault_ = std::current_exception();
      return false;
    }
  }
  [[nodiscard]] bool takes_body() const { return status_ == kWhole || status_ == kRest; }

  void begin(const httplib::Response& response) {
    status_ = response.status;
    if (status_ == kRest) check_range(response.get_header_value("Content-Range"));
    if (status_ == kWhole) {
      begin_ = 0;
      part_.restart(response.get_header_value("ETag"));
    }
    if (!takes_body()) return;
    const std::string name = wanted_.path.filename().string();
    meter_.emplace(progress_, fmt::format("{} {}", begin_ == 0 ? "fetching" : "fetching the rest of", name),
                   content_length(response));
  }

  void check_range(const std::string& range) const {
    if (!range.starts_with(fmt::format("bytes {}-", begin_))) {
      fail<IoError>("'{}': asked for the rest from byte {}, got '{}'; remove '{}' and fetch again",
                    wanted_.url, begin_, range, part_.path().string());
    }
  }

  void take(std::string_view bytes) {
    part_.append(bytes);
    meter_->add(bytes.size());
  }

  [[noreturn]] void explain(httplib::Error error) const {
    const std::string words = httplib::to_string(error);
    if (error == httplib::Error::SSLServerVerification || error == httplib::Error::SSLConnection ||
        error == httplib::Error::SSLLoadingCerts) {
      fail<IoError>(
          "'{}': no safe connection ({}): check this machine's date and certificates (Debian's "
          "ca-certificates), or fetch the file by other means and give it with --file",
          wanted_.url, words);
    }
    if (status_ == 0) {
      fail<IoError>(
          "'{}': the server cannot be reached ({}): check the address and the network, or fetch the file by "
          "other means and give it with --file",
          wanted_.url, words);
    }
    fail<IoError>(
        "'{}': the connection was cut ({}); the {} bytes that arrived are kept in '{}': fetch again to go on",
        wanted_.url, words, part_.size(), part_.path().string());
  }

  const Download& wanted_;
  PartialFile& part_;
  Progress& progress_;
  std::uint64_t begin_;
  int status_ = 0;
  std::optional<Meter> meter_;
  std::exception_ptr fault_;
};

void transfer(const Download& wanted, PartialFile& part, Progress& progress) {
  int status = Transfer(wanted, part, progress).run();
  if (status == kNoSuchRange) {  // what is here is longer than the file: another version
    part.restart({});
    status = Transfer(wanted, part, progress).run();
  }
  if (status != kWhole && status != kRest) {
    fail<IoError>(
        "'{}': the server answered {}: check the address, or fetch the file by other means and give it with "
        "--file",
        wanted.url, status);
  }
}

}  // namespace

void download(const Download& wanted, Progress& progress) {
  split(wanted.url);
  PartialFile part(wanted.path);
  // A run that ended just before its last step has left the whole file.
  if (part.size() == 0 || !sha256_file(part.path()).starts_with(wanted.hash)) {
    try {
      transfer(wanted, part, progress);
    } catch (...) {
      if (part.size() == 0) part.remove();
      throw;
    }
  }
  if (const std::string found = sha256_file(part.path()); !found.starts_with(wanted.hash)) {
    part.remove();
    fail<IoError>(
        "'{}' sent another file: its SHA-256 is {}, expected one that begins with {}; it was removed: fetch "
        "again, or from another place with --url",
        wanted.url, found, wanted.hash);
  }
  part.finish();
}

}  // namespace partita::io
