#include "sidecar/http/event_feed.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

#include "tests/common/wait_until.h"
#include "tests/sidecar/http/event_reader.h"

namespace sluice::sidecar {
namespace {

using std::chrono::milliseconds;
using testing::EventReader;

class Feed : public ::testing::Test {
 protected:
  void Start(EventFeedOptions options = {}) {
    options.period = milliseconds(10);
    feed_ = std::make_unique<EventFeed>([this] { return Newest(); }, options);
  }
  std::string Newest() {
    absl::MutexLock lock(&mutex_);
    ++looks_;
    return text_;
  }
  void Say(const std::string& text) {
    absl::MutexLock lock(&mutex_);
    text_ = text;
  }
  int looks() {
    absl::MutexLock lock(&mutex_);
    return looks_;
  }
  // The feed's end goes to the feed.
  FileDescriptor Connect() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    std::shared_ptr<void> place = feed_->Reserve();
    newest_place_ = place;
    feed_->Take(FileDescriptor(ends[0]), std::move(place));
    return FileDescriptor(ends[1]);
  }

  absl::Mutex mutex_;
  std::string text_ = "1";
  int looks_ = 0;
  std::weak_ptr<void> newest_place_;  // Of who came last; expired once it is known to have left.
  std::unique_ptr<EventFeed> feed_;
};

TEST_F(Feed, TellsWhatThereIsAndWhatChanges) {
  Start();
  EventReader first(Connect());
  EXPECT_EQ(first.Next(), "1");
  Say("2");
  EXPECT_EQ(first.Next(), "2");
  EventReader second(Connect());
  EXPECT_EQ(second.Next(), "2");
  Say("3");
  EXPECT_EQ(first.Next(), "3");
  EXPECT_EQ(second.Next(), "3");
}

TEST_F(Feed, LooksOnlyWhileSomebodyListensAndIsFreshAfterAPause) {
  Start();
  EXPECT_EQ(looks(), 0);
  { EXPECT_EQ(EventReader(Connect()).Next(), "1"); }
  // The client that left is noticed at once, and then nobody looks.
  EXPECT_TRUE(WaitUntil([&] { return newest_place_.expired(); }));
  const int before = looks();
  EXPECT_FALSE(WaitUntil([&] { return looks() != before; }, milliseconds(50)));
  Say("2");
  EXPECT_EQ(EventReader(Connect()).Next(), "2");
}

TEST_F(Feed, ASlowClientGetsTheNewestAndHoldsNobodyUp) {
  Start();
  const std::string large(8 << 20, 'x');  // More than a socket takes.
  Say("a" + large);
  EventReader slow(Connect());
  EventReader quick(Connect());
  EXPECT_EQ(quick.Next(), "a" + large);
  for (const char* text : {"b", "c", "d"}) {
    Say(text);
    EXPECT_EQ(quick.Next(), text);
  }
  EXPECT_EQ(slow.Next(), "a" + large);
  EXPECT_EQ(slow.Next(), "d");
}

TEST_F(Feed, AClientThatTakesNothingIsGivenUp) {
  Start({.silence = milliseconds(1), .patience = milliseconds(1)});
  Say(std::string(8 << 20, 'x'));
  EventReader stuck(Connect());
  // Its place is free before it reads anything.
  std::vector<std::shared_ptr<void>> places;
  EXPECT_TRUE(WaitUntil([&] {
    places.clear();
    while (auto place = feed_->Reserve()) places.push_back(place);
    return places.size() == EventFeedOptions{}.most_clients;
  }));
  EXPECT_TRUE(stuck.WaitForEnd());
}

TEST_F(Feed, SaysThatAllIsWellWhileNothingChanges) {
  Start({.silence = milliseconds(5)});
  EventReader reader(Connect());
  EXPECT_EQ(reader.Next(), "1");
  // Behind some comments.
  EXPECT_TRUE(WaitUntil([&, looked = looks()] { return looks() > looked + 5; }));
  Say("2");
  EXPECT_EQ(reader.Next(), "2");
  EXPECT_GT(reader.comments, 0);
}

TEST_F(Feed, PlacesAreBoundedAndComeBack) {
  Start({.most_clients = 2});
  auto first = feed_->Reserve();
  auto second = feed_->Reserve();
  ASSERT_TRUE(first != nullptr && second != nullptr);
  EXPECT_EQ(feed_->Reserve(), nullptr);
  EXPECT_EQ(feed_->Reserve(), nullptr);
  first.reset();
  EXPECT_NE(feed_->Reserve(), nullptr);
}

TEST_F(Feed, AStopEndsAllAndThoseWhoComeLater) {
  Start();
  EventReader early(Connect());
  EXPECT_EQ(early.Next(), "1");
  feed_->Stop();
  EXPECT_TRUE(early.WaitForEnd());
  EXPECT_TRUE(EventReader(Connect()).WaitForEnd());
}

}  // namespace
}  // namespace sluice::sidecar
