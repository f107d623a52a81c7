#pragma once

#include <cctype>
#include <string>
#include <vector>

namespace sluice::study {

// Reads XML strictly enough for what a chart may hold: elements, quoted attributes, text with the
// five named entities. Returns what is wrong, or nothing.
class XmlReader {
 public:
  explicit XmlReader(const std::string& text) : text_(text) {}

  std::string Problem() {
    while (at_ < text_.size()) {
      const std::string problem = text_[at_] == '<' ? Tag() : Text();
      if (!problem.empty()) return problem + " at " + text_.substr(at_, 40);
      if (open_.empty() && elements_ > 0) break;
    }
    if (!open_.empty()) return "'" + open_.back() + "' is not closed";
    if (text_.find_first_not_of(" \n", at_) != std::string::npos) return "more than one root";
    return elements_ == 0 ? "no element" : "";
  }

 private:
  std::string Name() {
    const size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(text_[at_]) || text_[at_] == '-')) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  // Up to `end`, which is not passed.
  std::string Text(char end = '<') {
    for (; at_ < text_.size() && text_[at_] != end; ++at_) {
      if (text_[at_] == '<') return "a bare <";
      if (text_[at_] != '&') continue;
      const std::string entity = text_.substr(at_, text_.find(';', at_) - at_ + 1);
      if (entity != "&lt;" && entity != "&gt;" && entity != "&amp;" && entity != "&quot;" &&
          entity != "&apos;") {
        return "a bare &";
      }
    }
    return "";
  }

  std::string Tag() {
    ++at_;
    const bool closes = text_[at_] == '/';
    if (closes) ++at_;
    const std::string name = Name();
    if (name.empty()) return "a bare <";
    if (closes) {
      if (open_.empty() || open_.back() != name) return "'" + name + "' was not open";
      open_.pop_back();
      return text_[at_++] == '>' ? "" : "an end tag that does not end";
    }
    ++elements_;
    while (text_[at_] == ' ') {
      ++at_;
      if (Name().empty() || text_.compare(at_, 2, "=\"") != 0) return "a bad attribute";
      at_ += 2;
      if (const std::string problem = Text('"'); !problem.empty()) return problem;
      ++at_;
    }
    if (text_.compare(at_, 2, "/>") == 0) return at_ += 2, "";
    open_.push_back(name);
    return text_[at_++] == '>' ? "" : "a tag that does not end";
  }

  const std::string& text_;
  size_t at_ = 0;
  int elements_ = 0;
  std::vector<std::string> open_;
};

// What is wrong with `xml`, or nothing.
inline std::string Problem(const std::string& xml) { return XmlReader(xml).Problem(); }

inline int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace sluice::study
