#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace partita::io::pickle {

struct Sequence;
struct Dictionary;
struct Call;
struct Persistent;

/// A name that the pickle refers to, such as "torch FloatStorage": known by name alone.
struct Global {
  std::string_view module, name;
  friend bool operator==(const Global&, const Global&) = default;
};

/// What a pickle holds: None, a plain value, or a node of its Document. Texts point into the pickle.
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string_view, Global,
                           const Sequence*, const Dictionary*, const Call*, const Persistent*>;

/// A tuple or a list.
struct Sequence {
  std::vector<Value> items;
  bool is_list = false;
};
/// A dict or collections.OrderedDict, in the file's order.
struct Dictionary {
  std::vector<std::pair<Value, Value>> items;
};
/// `function(arguments)`: kept as it stands, never made.
struct Call {
  Global function;
  const Sequence* arguments = nullptr;
};
/// An object that lies outside of the pickle, by its identity.
struct Persistent {
  Value identity;
};

/// One pickle (protocol 2), read into values; it owns the nodes. Nothing is ever imported or called: the
/// opcodes that torch.save writes are known, every other one is refused, and so is every global but
/// collections.OrderedDict and those of `known`.
class Document {
 public:
  /// Reads from the front of `bytes` and removes what was read. `bytes` must outlive the document; `file` is
  /// for messages. Throws IoError on the first fault.
  Document(std::string_view& bytes, const std::vector<Global>& known, const std::string& file);
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  [[nodiscard]] const Value& value() const { return value_; }
  /// Every object outside of the pickle that it refers to, once for each time.
  [[nodiscard]] const std::deque<Persistent>& persistents() const { return persistents_; }

 private:
  friend class Machine;

  std::deque<Sequence> sequences_;
  std::deque<Dictionary> dictionaries_;
  std::deque<Call> calls_;
  std::deque<Persistent> persistents_;
  Value value_;
};

/// "a dict", "the call torch._utils._rebuild_tensor_v2": for messages.
[[nodiscard]] std::string describe(const Value& value);

/// The node or plain value of this type, or nullptr.
template <class T>
[[nodiscard]] const T* as(const Value& value) {
  if constexpr (std::is_same_v<T, Sequence> || std::is_same_v<T, Dictionary> || std::is_same_v<T, Call> ||
                std::is_same_v<T, Persistent>) {
    const auto* node = std::get_if<const T*>(&value);
    return node == nullptr ? nullptr : *node;
  } else {
    return std::get_if<T>(&value);
  }
}

}  // namespace partita::io::pickle
