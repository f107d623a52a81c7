#include "common/file_descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace sluice {
namespace {

bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

FileDescriptor OpenNull() { return FileDescriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

TEST(FileDescriptor, ClosesAtItsEnd) {
  int fd = -1;
  {
    const FileDescriptor file = OpenNull();
    fd = file.get();
    EXPECT_TRUE(file.is_open());
    EXPECT_TRUE(IsOpen(fd));
  }
  EXPECT_FALSE(IsOpen(fd));
}

TEST(FileDescriptor, WithoutOneNothingIsClosed) {
  FileDescriptor none;
  EXPECT_FALSE(none.is_open());
  EXPECT_EQ(none.get(), -1);
  EXPECT_EQ(none.Close(), 0);
  errno = 0;
  { const FileDescriptor failed(-1); }
  EXPECT_EQ(errno, 0);
}

TEST(FileDescriptor, CloseSaysWhatTheSystemSaysAndClosesOnce) {
  FileDescriptor file = OpenNull();
  const int fd = file.get();
  EXPECT_EQ(file.Close(), 0);
  EXPECT_FALSE(file.is_open());
  EXPECT_FALSE(IsOpen(fd));
  const FileDescriptor other = OpenNull();  // It gets the number that is free.
  ASSERT_EQ(other.get(), fd);
  EXPECT_EQ(file.Close(), 0);
  EXPECT_TRUE(IsOpen(fd));

  FileDescriptor closed_by_others = OpenNull();
  ::close(closed_by_others.get());
  EXPECT_EQ(closed_by_others.Close(), -1);
  EXPECT_EQ(errno, EBADF);
}

TEST(FileDescriptor, AMoveLeavesNothingBehind) {
  int fd = -1;
  {
    FileDescriptor to;
    {
      FileDescriptor from = OpenNull();
      fd = from.get();
      FileDescriptor between(std::move(from));
      EXPECT_FALSE(from.is_open());
      to = std::move(between);
      EXPECT_FALSE(between.is_open());
    }
    EXPECT_EQ(to.get(), fd);
    EXPECT_TRUE(IsOpen(fd)) << "what was moved from has closed it";
  }
  EXPECT_FALSE(IsOpen(fd));
}

TEST(FileDescriptor, AMoveOntoAnotherClosesThatAtOnce) {
  FileDescriptor to = OpenNull();
  FileDescriptor from = OpenNull();
  const int old_fd = to.get();
  const int new_fd = from.get();
  to = std::move(from);
  EXPECT_FALSE(IsOpen(old_fd));
  EXPECT_EQ(to.get(), new_fd);
  FileDescriptor& same = to;
  to = std::move(same);
  EXPECT_EQ(to.get(), new_fd);
  EXPECT_TRUE(IsOpen(new_fd));
}

}  // namespace
}  // namespace sluice
