#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../../src/io/host/http.hpp"

namespace partita::support {

/// An HTTP server on 127.0.0.1 that serves one file, as faultily as a test asks it to.
class HttpServer {
 public:
  explicit HttpServer(std::string body) : body_(std::move(body)) {
    server_.Get("/file", [this](const httplib::Request& request, httplib::Response& response) {
      answer(request, response);
    });
    server_.Get("/moved", [](const httplib::Request& /*request*/, httplib::Response& response) {
      response.set_redirect("/file");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ~HttpServer() {
    released = true;
    server_.stop();
    thread_.join();
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::string url(const std::string& path = "/file") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  /// The Range headers of all requests so far, empty where there was none.
  [[nodiscard]] std::vector<std::string> ranges() const {
    const std::lock_guard lock(mutex_);
    return ranges_;
  }

  std::atomic<std::size_t> cut_after{SIZE_MAX};    ///< bytes sent before the connection is cut
  std::atomic<std::size_t> stall_after{SIZE_MAX};  ///< bytes sent before the server falls silent
  std::atomic<bool> released{false};               ///< ends the silence
  std::atomic<bool> ignores_ranges{false};
  std::atomic<int> etag{1};  ///< 0: none

 private:
  void answer(const httplib::Request& request, httplib::Response& response) {
    {
      const std::lock_guard lock(mutex_);
      ranges_.push_back(request.get_header_value("Range"));
    }
    const std::string mark = "\"" + std::to_string(etag) + "\"";
    if (etag != 0) response.set_header("ETag", mark);
    // The library serves ranges by itself, out of the content, but for those past its end.
    auto& asked = const_cast<httplib::Request&>(request).ranges;
    const std::string condition = request.get_header_value("If-Range");
    if (ignores_ranges || (!condition.empty() && condition != mark)) asked.clear();
    if (!asked.empty() && asked[0].first >= static_cast<ssize_t>(body_.size())) {
      asked.clear();
      response.status = 416;
      return;
    }
    response.set_content_provider(body_.size(), "application/octet-stream",
                                  [this](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
                                    return send(offset, length, sink);
                                  });
  }

  bool send(std::size_t offset, std::size_t length, httplib::DataSink& sink) {
    if (offset >= cut_after) return false;
    while (offset >= stall_after && !released) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const std::size_t limit =
        std::min<std::size_t>({length, cut_after - offset, stall_after - offset, 16384});
    return sink.write(body_.data() + offset, released ? length : limit);
  }

  std::string body_;
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::vector<std::string> ranges_;
};

}  // namespace partita::support
