#pragma once

#include <string>

#include "common/file_descriptor.h"

namespace sluice::sidecar::testing {

// One connection to HOST:PORT that is kept between requests. Every wait is bounded by five seconds.
class HttpConnection {
 public:
  explicit HttpConnection(const std::string& address);

  // The whole answer to a GET: status line, headers, body. "" if there is none.
  std::string Get(const std::string& path);
  // The next whole answer.
  std::string ReadAnswer();
  // Sends these bytes. False if the connection does not take them.
  bool Send(const std::string& bytes);
  // Waits for the other side to end the connection.
  bool WaitForEnd();

 private:
  FileDescriptor socket_;
  std::string received_;  // Behind the last answer.
};

// Body of a GET on HOST:PORT; "" if the status is not 200.
std::string HttpGet(const std::string& address, const std::string& path);

// Status of a GET on HOST:PORT; 0 if there is no answer.
int HttpStatus(const std::string& address, const std::string& path);

}  // namespace sluice::sidecar::testing
