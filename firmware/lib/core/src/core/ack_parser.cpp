#include "core/ack_parser.h"

#include "core/ascii.h" // is_digit

#include <string.h> // memcmp

namespace unolink {

void AckParser::begin(uint32_t boot, uint32_t seq) {
    *this = AckParser();
    boot_ = boot;
    seq_ = seq;
}

void AckParser::feed(uint8_t byte) {
    const char character = static_cast<char>(byte);
    if (in_string_) {
        feed_string(character);
    } else if (!closed_) {
        feed_token(character);
    }
}

void AckParser::feed_string(char character) {
    if (character == '"' && !escaped_) {
        in_string_ = false;
        return;
    }
    escaped_ = character == '\\' && !escaped_;
    if (name_length_ < NAME_CAPACITY) {
        name_[name_length_++] = character;
    }
}

void AckParser::feed_token(char character) {
    if (is_digit(character)) {
        add_digit(static_cast<uint8_t>(character - '0'));
        return;
    }
    if (character == '-' || character == '+' || character == '.' || character == 'e' || character == 'E') {
        number_ =
            Number::Invalid; // until the next delimiter: neither boot nor seq is ever negative or a fraction
        return;
    }
    finish_number();
    if (character == '"') {
        in_string_ = true;
        name_length_ = 0;
    } else if (character == ':' && depth_ == 1) {
        name_member();
    } else if (character == ',' && depth_ == 1) {
        member_ = Member::Other;
    } else if (character == '{' || character == '[') {
        in_acked_list_ = depth_ == 1 && character == '[' && member_ == Member::Acked;
        if (++depth_ == MAX_DEPTH) {
            closed_ = true; // and never an acknowledgement
            boot_matches_ = false;
        }
    } else if ((character == '}' || character == ']') && depth_ > 0) {
        in_acked_list_ = false;
        --depth_;
        closed_ = depth_ == 0;
    }
}

void AckParser::add_digit(uint8_t digit) {
    if (number_ == Number::None) {
        number_ = Number::Valid;
        number_value_ = 0;
    }
    if (number_value_ > (UINT32_MAX - digit) / 10) {
        number_ = Number::Invalid;
    }
    number_value_ = number_value_ * 10 + digit;
}

void AckParser::finish_number() {
    if (number_ == Number::Valid) {
        if (depth_ == 1 && member_ == Member::Boot) {
            boot_matches_ = number_value_ == boot_;
        } else if (depth_ == 2 && in_acked_list_ && number_value_ == seq_) {
            seq_found_ = true;
        }
    }
    number_ = Number::None;
}

void AckParser::name_member() {
    member_ = Member::Other;
    if (name_length_ == 4 && memcmp(name_, "boot", 4) == 0) {
        member_ = Member::Boot;
    } else if (name_length_ == 5 && memcmp(name_, "acked", 5) == 0) {
        member_ = Member::Acked;
    }
}

} // namespace unolink
