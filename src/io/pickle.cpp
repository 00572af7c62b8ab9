#include "pickle.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include "partita/io/error.hpp"

namespace partita::io::pickle {
namespace {

// Far above what any checkpoint needs: 100,000 tensors take about 1.5 million values.
constexpr std::size_t kMostValues = 4'000'000;
constexpr Global kOrderedDict{"collections", "OrderedDict"};

constexpr std::uint8_t kHighestProtocol = 2;

/// The opcodes of Python's pickletools that a checkpoint uses.
enum Opcode : std::uint8_t {
  kMark = '(',
  kStop = '.',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersistent = 'Q',
  kReduce = 'R',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kEmptyDict = '}',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kEmptyList = ']',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kEmptyTuple = ')',
  kSetItems = 'u',
  kBinFloat = 'G',
  kProtocol = 0x80,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
};

}  // namespace

/// Runs the opcodes over a stack, with marks and a memo.
class Machine {
 public:
  Machine(Document& document, std::string_view bytes, const std::vector<Global>& known,
          const std::string& file)
      : document_(document), bytes_(bytes), known_(known), file_(file) {}

  /// The pickle's value; returns how many bytes it took.
  std::size_t run(Value& result) {
    for (;;) {
      const auto opcode = static_cast<std::uint8_t>(take(1)[0]);
      if (opcode == kStop) break;
      if (!scalar(opcode) && !container(opcode)) step(opcode);
      if (++steps_ > kMostValues) refuse("it has more than {} steps", kMostValues);
    }
    result = pop();
    if (!stack_.empty() || !marks_.empty()) refuse("it ends with values left over");
    return position_;
  }

 private:
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail<IoError>("'{}': its pickle cannot be read, at byte {}: {}", file_, position_,
                  fmt::format(format, std::forward<Args>(args)...));
  }

  std::string_view take(std::size_t count) {
    if (count > bytes_.size() - position_) refuse("it is cut off");
    const std::string_view taken = bytes_.substr(position_, count);
    position_ += count;
    return taken;
  }
  /// A little-endian number without sign.
  std::uint32_t number(std::size_t width) {
    std::uint32_t value = 0;
    std::memcpy(&value, take(width).data(), width);
    return value;
  }
  std::string_view line() {
    const std::size_t end = bytes_.find('\n', position_);
    if (end == std::string_view::npos) refuse("it is cut off");
    const std::string_view text = take(end - position_);
    take(1);
    return text;
  }

  void push(Value value) { stack_.push_back(value); }
  /// The lowest place of the stack that may be touched: nothing below the last mark.
  [[nodiscard]] std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  void need(std::size_t count) const {
    if (stack_.size() - floor() < count) refuse("it takes a value that is not there");
  }
  Value pop() {
    need(1);
    const Value value = stack_.back();
    stack_.pop_back();
    return value;
  }
  /// The last `count` values, in order.
  std::vector<Value> pop(std::size_t count) {
    need(count);
    const auto begin = stack_.end() - static_cast<std::ptrdiff_t>(count);
    std::vector<Value> values(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    return values;
  }
  std::vector<Value> pop_to_mark() {
    if (marks_.empty()) refuse("it takes values back to a mark that is not there");
    std::vector<Value> values = pop(stack_.size() - marks_.back());
    marks_.pop_back();
    return values;
  }

  void push_sequence(std::vector<Value> items, bool is_list = false) {
    push(&document_.sequences_.emplace_back(Sequence{std::move(items), is_list}));
  }
  /// The container on top of the stack, for adding to it.
  template <class T>
  T& top(const char* expected) {
    need(1);
    const T* node = as<T>(stack_.back());
    if (node == nullptr) refuse("expected {}, found {}", expected, describe(stack_.back()));
    return const_cast<T&>(*node);  // owned by the document under construction
  }
  void append(const std::vector<Value>& values) {
    auto& list = top<Sequence>("a list");
    if (!list.is_list) refuse("it adds to a tuple");
    list.items.insert(list.items.end(), values.begin(), values.end());
  }
  void set_items(const std::vector<Value>& values) {
    if (values.size() % 2 != 0) refuse("a key of a dict has no value");
    auto& dictionary = top<Dictionary>("a dict");
    for (std::size_t i = 0; i < values.size(); i += 2) {
      dictionary.items.emplace_back(values[i], values[i + 1]);
    }
  }

  /// Plain values. Returns whether the opcode is one.
  bool scalar(std::uint8_t opcode) {
    switch (opcode) {
      case kNone:
        push(std::monostate());
        return true;
      case kNewTrue:
      case kNewFalse:
        push(opcode == kNewTrue);
        return true;
      case kBinInt:
        push(std::int64_t{std::bit_cast<std::int32_t>(number(4))});
        return true;
      case kBinInt1:
      case kBinInt2:
        push(std::int64_t{number(opcode == kBinInt1 ? 1 : 2)});
        return true;
      case kLong1:
        push(long_integer(number(1)));
        return true;
      case kBinFloat:
        push(big_endian_double());
        return true;
      case kBinUnicode:
        push(take(number(4)));
        return true;
      default:
        return false;
    }
  }

  /// Two's complement, little-endian, of `width` bytes.
  std::int64_t long_integer(std::size_t width) {
    const std::string_view digits = take(width);
    if (width > sizeof(std::int64_t)) refuse("it holds an integer of {} bytes", width);
    const bool negative = width > 0 && (static_cast<unsigned char>(digits.back()) & 0x80U) != 0;
    std::int64_t value = negative ? -1 : 0;
    std::memcpy(&value, digits.data(), width);
    return value;
  }
  double big_endian_double() {
    std::uint64_t bits = 0;
    for (const char byte : take(sizeof(bits))) bits = bits << 8U | static_cast<unsigned char>(byte);
    return std::bit_cast<double>(bits);
  }

  /// Tuples, lists, dicts. Returns whether the opcode is about one.
  bool container(std::uint8_t opcode) {
    switch (opcode) {
      case kMark:
        marks_.push_back(stack_.size());
        return true;
      case kEmptyTuple:
      case kEmptyList:
        push_sequence({}, opcode == kEmptyList);
        return true;
      case kTuple1:
      case kTuple2:
      case kTuple3:
        push_sequence(pop(opcode - kTuple1 + 1U));
        return true;
      case kTuple:
        push_sequence(pop_to_mark());
        return true;
      case kEmptyDict:
        push(&document_.dictionaries_.emplace_back());
        return true;
      case kAppend:
        append(pop(1));
        return true;
      case kAppends:
        append(pop_to_mark());
        return true;
      case kSetItem:
        set_items(pop(2));
        return true;
      case kSetItems:
        set_items(pop_to_mark());
        return true;
      default:
        return false;
    }
  }

  void step(std::uint8_t opcode) {
    switch (opcode) {
      case kProtocol:
        if (const auto protocol = number(1); protocol > kHighestProtocol) {
          refuse("it has protocol {}: expected at most {}", protocol, kHighestProtocol);
        }
        return;
      case kGlobal:
        return global();
      case kReduce:
        return reduce();
      case kBuild:
        // The attributes of an OrderedDict (a state dict's `_metadata`): no tensors.
        pop();
        top<Dictionary>("a dict with attributes");
        return;
      case kBinPersistent:
        return push(&document_.persistents_.emplace_back(Persistent{pop()}));
      case kBinPut:
      case kLongBinPut:
        return remember(number(opcode == kBinPut ? 1 : 4));
      case kBinGet:
      case kLongBinGet:
        return recall(number(opcode == kBinGet ? 1 : 4));
      default:
        refuse("opcode 0x{:02x} is none that a checkpoint of tensors needs", opcode);
    }
  }

  void global() {
    const std::string_view module = line();
    const Global found{module, line()};
    if (found != kOrderedDict && std::find(known_.begin(), known_.end(), found) == known_.end()) {
      refuse("it asks for '{}.{}': expected a state dict of tensors alone, and nothing was executed",
             found.module, found.name);
    }
    push(found);
  }

  void reduce() {
    const Value arguments = pop();
    const Value function = pop();
    const auto* global = as<Global>(function);
    const auto* sequence = as<Sequence>(arguments);
    if (global == nullptr || sequence == nullptr || sequence->is_list) {
      refuse("it calls {} with {}", describe(function), describe(arguments));
    }
    if (*global != kOrderedDict) return push(&document_.calls_.emplace_back(Call{*global, sequence}));
    if (!sequence->items.empty()) refuse("it makes an OrderedDict with arguments");
    push(&document_.dictionaries_.emplace_back());
  }

  void remember(std::size_t index) {
    need(1);
    if (index >= kMostValues) refuse("it numbers a value {}", index);
    if (index >= memo_.size()) memo_.resize(index + 1);
    memo_[index] = stack_.back();
  }
  void recall(std::size_t index) {
    if (index >= memo_.size() || !memo_[index]) refuse("it refers to value {}, which is not there", index);
    push(*memo_[index]);
  }

  Document& document_;
  std::string_view bytes_;
  const std::vector<Global>& known_;
  const std::string& file_;
  std::size_t position_ = 0;
  std::size_t steps_ = 0;
  std::vector<Value> stack_;
  std::vector<std::size_t> marks_;
  std::vector<std::optional<Value>> memo_;
};

Document::Document(std::string_view& bytes, const std::vector<Global>& known, const std::string& file) {
  bytes.remove_prefix(Machine(*this, bytes, known, file).run(value_));
}

std::string describe(const Value& value) {
  static constexpr std::array<const char*, std::variant_size_v<Value>> kNames = {
      "None",     "a truth value", "an integer", "a real number", "a text",
      "a global", "a sequence",    "a dict",     "a call",        "an outside object"};
  if (const auto* global = as<Global>(value)) return fmt::format("'{}.{}'", global->module, global->name);
  if (const auto* call = as<Call>(value)) {
    return fmt::format("a call of '{}.{}'", call->function.module, call->function.name);
  }
  return kNames.at(value.index());
}

}  // namespace partita::io::pickle
