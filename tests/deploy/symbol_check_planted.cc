// Exports what a LibTorch with a visible Protobuf would: a function that Debian's libprotobuf
// defines too, and, as something harmless beside it, standard library code over standard types.
#include <string>
#include <vector>

namespace google::protobuf {

void ShutdownProtobufLibrary();
void ShutdownProtobufLibrary() {}

}  // namespace google::protobuf

template class std::vector<std::string>;
