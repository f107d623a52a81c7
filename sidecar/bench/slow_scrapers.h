#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace sluice::sidecar {

// Scrapers of /metrics that send their request and read the answer one byte a second each, and one
// healthy scraper beside them whose time is taken. They run from construction to Stop.
class SlowScrapers {
 public:
  SlowScrapers(const std::string& address, int count);
  ~SlowScrapers() { Stop(); }

  void Stop();
  // How often each of the slow ones has had its byte.
  int turns() const { return turns_; }
  // Of the healthy scrapes, in milliseconds; a scrape without an answer counts as ten seconds. Only
  // after Stop.
  const std::vector<double>& healthy() const { return healthy_; }

 private:
  void Crawl(int count);
  void Scrape();

  const std::string address_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> turns_{0};
  std::vector<double> healthy_;
  std::thread slow_;
  std::thread quick_;
};

}  // namespace sluice::sidecar
