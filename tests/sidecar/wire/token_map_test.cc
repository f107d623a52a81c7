#include "sidecar/wire/token_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "sidecar/engine/refusal.h"
#include "sidecar/wire/event.h"
#include "tests/sidecar/testing/token_map.h"

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;
using testing::MapOf;

TEST(TokenMapWire, IsKeptAsItsOwnJson) {
  v1::WorkerMessage message;
  *message.mutable_token_map() = MapOf(20);
  const auto event = EventFromProto(message);
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->kind, kTokenMapEvent);
  EXPECT_EQ(event->step, 20u);
  EXPECT_THAT(event->body,
              HasSubstr(R"({"step":"20","rows":3,"columns":3,"images":[{"image_id":)"));
  EXPECT_THAT(event->body, HasSubstr(R"("layers":[{"layer":2,"open":"AQE=","scores":"MTIz)"));
  EXPECT_TRUE(CheckTokenMapJson(event->body).ok());
  EXPECT_EQ(CheckTokenMapJson(event->body + "}").code(), absl::StatusCode::kDataLoss);
}

TEST(TokenMapWire, TheLargestIsTaken) {
  v1::TokenMap map = MapOf(1);
  map.set_rows(128);
  map.set_columns(128);
  v1::TokenMapImage* image = map.mutable_images(0);
  image->clear_layers();
  for (uint32_t layer = 1; layer <= 4; ++layer) {
    v1::TokenMapLayer* to = image->add_layers();
    to->set_layer(layer);
    to->set_open(std::string(2048, '\xff'));
    to->set_scores(std::string(16384, '\xff'));
  }
  image->mutable_thumbnail()->resize(kMostThumbnailBytes);
  image->set_label(std::string(128, 'x'));
  while (map.images_size() < 8) *map.add_images() = *image;
  EXPECT_TRUE(CheckTokenMap(map, 0).ok()) << CheckTokenMap(map, 0);
  EXPECT_LT(map.ByteSizeLong(), size_t{1} << 20) << "the limit of a message";
}

struct Bad {
  const char* field;
  RefusalReason reason;
  std::function<void(v1::TokenMap&)> spoil;
};

// None of these is a number of the training that went wrong: no alert may come of them.
TEST(TokenMapWire, WhatDoesNotFitIsRefusedByName) {
  const auto layer = [](v1::TokenMap& map) { return map.mutable_images(0)->mutable_layers(0); };
  const Bad all[] = {
      {"step is 0", RefusalReason::kMalformed, [](auto& map) { map.set_step(0); }},
      {"rows is 0", RefusalReason::kMalformed, [](auto& map) { map.set_rows(0); }},
      {"rows is 129", RefusalReason::kMalformed, [](auto& map) { map.set_rows(129); }},
      {"columns is 4000000000", RefusalReason::kMalformed,
       [](auto& map) { map.set_columns(4000000000); }},
      {"images: number is 0", RefusalReason::kMalformed, [](auto& map) { map.clear_images(); }},
      {"images: number is 9", RefusalReason::kMalformed,
       [](auto& map) {
         while (map.images_size() < 9) *map.add_images() = map.images(0);
       }},
      {"images[0].label has 129", RefusalReason::kLimit,
       [](auto& map) { map.mutable_images(0)->set_label(std::string(129, 'x')); }},
      {"images[0].thumbnail has 32769", RefusalReason::kLimit,
       [](auto& map) { map.mutable_images(0)->mutable_thumbnail()->resize(32769); }},
      {"images[0].thumbnail is not a PNG", RefusalReason::kMalformed,
       [](auto& map) { map.mutable_images(0)->mutable_thumbnail()->resize(23); }},
      {"images[0].thumbnail is not a PNG", RefusalReason::kMalformed,
       [](auto& map) { map.mutable_images(0)->mutable_thumbnail()->front() = 'G'; }},
      {"images[0].thumbnail: width is 97", RefusalReason::kMalformed,
       [](auto& map) { map.mutable_images(0)->mutable_thumbnail()->at(19) = 97; }},
      {"images[0].thumbnail: height is 2147483649", RefusalReason::kMalformed,
       [](auto& map) { map.mutable_images(0)->mutable_thumbnail()->at(20) = '\x80'; }},
      {"images[0].layers: number is 0", RefusalReason::kMalformed,
       [](auto& map) { map.mutable_images(0)->clear_layers(); }},
      {"images[0].layers[0].layer is 0", RefusalReason::kMalformed,
       [&](auto& map) { layer(map)->set_layer(0); }},
      {"images[0].layers[1].layer is 2", RefusalReason::kMalformed,
       [&](auto& map) { *map.mutable_images(0)->add_layers() = *layer(map); }},
      {"images[0].layers[0].open: length is 1", RefusalReason::kMalformed,
       [&](auto& map) { layer(map)->set_open("1"); }},
      {"images[0].layers[0].scores: length is 10", RefusalReason::kMalformed,
       [&](auto& map) { layer(map)->set_scores("1234567890"); }},
  };
  for (const Bad& bad : all) {
    v1::TokenMap map = MapOf(1);
    bad.spoil(map);
    const absl::Status status = CheckTokenMap(map, 0);
    EXPECT_EQ(ReasonOf(status), bad.reason) << bad.field << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string("token_map.") + bad.field));
  }
  EXPECT_THAT(std::string(CheckTokenMap(MapOf(1), 1).message()), HasSubstr("rank is 1"));
}

}  // namespace
}  // namespace sluice::sidecar
