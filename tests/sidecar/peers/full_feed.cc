#include "tests/sidecar/peers/full_feed.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <utility>

#include "sidecar/wire/counters.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar::testing {
namespace {

using google::protobuf::FieldDescriptor;

bool IsUnset(const google::protobuf::Message& message, const FieldDescriptor* field) {
  if (field->is_repeated()) return message.GetReflection()->FieldSize(message, field) == 0;
  return !message.GetReflection()->HasField(message, field);
}

// Shares and accuracies are in [0, 1], other numbers take anything.
void FillNumbers(google::protobuf::Message* message) {
  for (int i = 0; i < message->GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message->GetDescriptor()->field(i);
    if (field->is_repeated() || field->cpp_type() != FieldDescriptor::CPPTYPE_DOUBLE) continue;
    if (IsUnset(*message, field)) message->GetReflection()->SetDouble(message, field, 0.5);
  }
}

// Counts grow with the steps, and every histogram is one of durations.
void FillCounters(v1::Counters* counters) {
  for (int i = 0; i < v1::Counters::descriptor()->field_count(); ++i) {
    const FieldDescriptor* field = v1::Counters::descriptor()->field(i);
    if (field->is_repeated() || !IsUnset(*counters, field)) continue;
    const google::protobuf::Reflection* reflection = counters->GetReflection();
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT64) {
      reflection->SetUInt64(counters, field, counters->steps());
    } else if (field->message_type() == v1::LatencyHistogram::descriptor()) {
      reflection->MutableMessage(counters, field)->CopyFrom(counters->step());
    }
  }
}

v1::WorkerMessage FullSnapshot(const RankClient& rank, uint64_t seq, uint64_t step) {
  v1::WorkerMessage message = rank.Message(seq);
  v1::GateSnapshot* snapshot = message.mutable_snapshot();
  snapshot->set_first_step(step);
  snapshot->set_last_step(step);
  CountersToProto(CountersAt(step), snapshot->mutable_counters());
  FillCounters(snapshot->mutable_counters());
  v1::LayerSample* layer = snapshot->add_layers();
  layer->set_layer(kLayer);
  layer->set_threshold(0.3);
  FillNumbers(layer);
  FillNumbers(snapshot->mutable_timing());
  FillNumbers(snapshot);
  return message;
}

v1::WorkerMessage FullProbeResult(const RankClient& rank, uint64_t seq, uint64_t step) {
  v1::WorkerMessage message = rank.Message(seq);
  v1::ProbeResult* result = message.mutable_probe_result();
  result->set_probe("legacy");
  result->set_step(step);
  result->set_images(100);
  FillNumbers(result);
  return message;
}

}  // namespace

bool FeedEverything(RankClient& rank, uint64_t steps) {
  if (!rank.Greet("full").has_hello_reply()) return false;
  uint64_t seq = 1;
  v1::WorkerMessage bad = rank.Message(seq);
  bad.mutable_snapshot();
  rank.Send(std::move(bad));
  for (uint64_t step = 1; step <= steps; ++step) rank.Send(FullSnapshot(rank, ++seq, step));
  rank.Send(FullProbeResult(rank, ++seq, steps));
  return rank.WaitForAck(seq);
}

}  // namespace sluice::sidecar::testing
