#include "core/journal.h"

#include "core/crc16.h"
#include "core/eeprom_map.h" // JOURNAL_ADDRESS, JOURNAL_BYTES, read_block, erase_block
#include "hal/eeprom.h"      // eeprom_read, eeprom_write

namespace unolink {

namespace {

constexpr uint8_t COUNTS = 0xA5;
constexpr uint8_t FORGOTTEN = 0;
constexpr uint8_t FRAME_BYTES = 3; // the byte that makes a slot count, and its CRC

bool later(const Reading& left, const Reading& right) {
    return left.boot == right.boot ? left.seq > right.seq : left.boot > right.boot;
}

} // namespace

void Journal::begin() {
    crc_start_ = CRC16_START ^ used_channels();
    reading_bytes_ = bytes_of_reading();
    slots_ = parts_of(JOURNAL_BYTES, reading_bytes_ + FRAME_BYTES);
    written_ = 0;
    size_ = 0;
    first_ = 0;
    Reading newest = {};
    Reading reading;
    for (uint8_t place = 0; place < slots_; ++place) {
        if (read(place, reading) && later(reading, newest)) {
            newest = reading;
            first_ = around(place + 1, slots_);
        }
    }
    // What counts, going back from there; a newest slot that was not finished does not.
    const uint8_t end = first_;
    uint8_t last_back = 0;
    for (uint8_t back = 1; back <= slots_; ++back) {
        const uint8_t place = around(static_cast<uint8_t>(end + slots_ - back), slots_);
        if (hal::eeprom_read(address_of(place)) == COUNTS && read(place, reading)) {
            last_back = last_back == 0 ? back : last_back;
            size_ = static_cast<uint8_t>(back - last_back + 1);
            first_ = place;
        }
    }
}

bool Journal::get(uint8_t index, Reading& reading) const {
    const uint8_t place = place_of(index);
    return read(place, reading) && hal::eeprom_read(address_of(place)) == COUNTS;
}

void Journal::pop() {
    hal::eeprom_write(address_of(first_), FORGOTTEN);
    first_ = place_of(1);
    --size_;
}

// From the second byte of the slot to the last; then the first one makes it count.
bool Journal::append_step(const Reading& reading) {
    const uint8_t place = place_of(size_);
    const uint16_t address = address_of(place);
    const uint8_t offset = written_++;
    if (offset < reading_bytes_) {
        hal::eeprom_write(address + 1 + offset, reinterpret_cast<const uint8_t*>(&reading)[offset]);
        return false;
    }
    const uint16_t crc = crc16_of(crc_start_, &reading, reading_bytes_);
    if (offset < reading_bytes_ + sizeof crc) {
        hal::eeprom_write(address + 1 + offset,
                          static_cast<uint8_t>(offset == reading_bytes_ ? crc : crc >> 8));
        return false;
    }
    hal::eeprom_write(address, COUNTS);
    written_ = 0;
    Reading stored;
    if (read(place, stored)) {
        ++size_;
    } else if (size_ == 0) {
        first_ = place_of(1); // worn out: the next one may do
    }
    return true;
}

void Journal::erase() {
    erase_block(JOURNAL_ADDRESS, JOURNAL_BYTES);
}

uint16_t Journal::address_of(uint8_t place) const {
    return static_cast<uint16_t>(JOURNAL_ADDRESS + place * (reading_bytes_ + FRAME_BYTES));
}

// Reads what a slot holds, whether it counts or not. False: its checksum is wrong.
bool Journal::read(uint8_t place, Reading& reading) const {
    const uint16_t address = address_of(place) + 1;
    uint16_t crc = 0;
    read_block(address, &reading, reading_bytes_);
    read_block(address + reading_bytes_, &crc, sizeof crc);
    return crc == crc16_of(crc_start_, &reading, reading_bytes_);
}

} // namespace unolink
