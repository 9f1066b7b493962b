// Reads the server's acknowledgement, `{"boot":3,"acked":[17]}`, as it streams by, and says whether it names
// one reading.
//
// Members may come in any order, with any white space, beside members that a later server adds. Only a
// complete object counts. It does not validate JSON beyond what it needs: strings, nesting, and unsigned
// numbers that fit 32 bits.
#pragma once

#include <stdint.h>

namespace unolink {

class AckParser {
  public:
    // Starts a new document, looking for the reading (`boot`, `seq`).
    void begin(uint32_t boot, uint32_t seq);

    void feed(uint8_t byte);

    // True once a whole object has named this boot and, in its `acked` list, this seq.
    bool acknowledged() const { return closed_ && boot_matches_ && seq_found_; }

  private:
    enum class Member : uint8_t { Other, Boot, Acked };
    enum class Number : uint8_t { None, Valid, Invalid };
    static constexpr uint8_t NAME_CAPACITY = 6; // one more than the longest name looked for
    static constexpr uint8_t MAX_DEPTH = 16;    // a nesting that no acknowledgement reaches

    void feed_string(char character);
    void feed_token(char character);
    void add_digit(uint8_t digit);
    void finish_number();
    void name_member();

    uint32_t boot_ = 0;
    uint32_t seq_ = 0;
    uint32_t number_value_ = 0;
    Number number_ = Number::None;
    Member member_ = Member::Other;
    char name_[NAME_CAPACITY] = {};
    uint8_t name_length_ = 0;
    uint8_t depth_ = 0;
    bool in_string_ = false;
    bool escaped_ = false;
    bool in_acked_list_ = false;
    bool boot_matches_ = false;
    bool seq_found_ = false;
    bool closed_ = false;
};

} // namespace unolink
