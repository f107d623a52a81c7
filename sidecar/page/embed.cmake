# Writes OUTPUT, C++ that holds the contents of FILES: cmake -D OUTPUT=… -D FILES=…;… -P embed.cmake
set(types html "text/html" css "text/css" js "text/javascript" svg "image/svg+xml")
set(arrays "")
set(entries "")
set(i 0)
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  get_filename_component(extension ${file} LAST_EXT)
  string(SUBSTRING ${extension} 1 -1 extension)
  list(FIND types ${extension} at)
  math(EXPR at "${at} + 1")
  list(GET types ${at} type)
  file(READ ${file} content HEX)
  file(SHA256 ${file} sum)
  string(SUBSTRING ${sum} 0 16 tag)
  string(LENGTH "${content}" length)
  math(EXPR length "${length} / 2")
  string(REGEX REPLACE "(..)" "\\\\x\\1" content "${content}")
  # Lines: compilers take no endless ones.
  string(REPEAT "\\\\x.." 16 line)
  string(REGEX REPLACE "(${line})" "\\1\"\n\"" content "${content}")
  string(APPEND arrays "constexpr char kFile${i}[] =\n\"${content}\";\n")
  string(APPEND entries "      {\"${name}\", \"${type}; charset=utf-8\", \"\\\"${tag}\\\"\", {kFile${i}, ${length}}},\n")
  math(EXPR i "${i} + 1")
endforeach()
file(WRITE ${OUTPUT} "#include \"sidecar/page/page_files.h\"

namespace sluice::sidecar {
namespace {

${arrays}
}  // namespace

const std::vector<PageFile>& PageFiles() {
  static const std::vector<PageFile> files = {
${entries}  };
  return files;
}

}  // namespace sluice::sidecar
")
