// The interpreter's vocabulary: macros over its locals, for interpreter.h.
//
// r is the data space, pc the step, left the cycles that are left of the run, limit its end. OBSERVED is 1
// while an observer is told what happens, 0 in the version that has to be fast.
#ifndef UNOSIM_INTERPRETER_MACROS_H
#define UNOSIM_INTERPRETER_MACROS_H

// Hooks of an observer; nothing at all without one.
#define SPEND(cycles_)                                                                                       \
    do {                                                                                                     \
        const unsigned spent = (unsigned)(cycles_);                                                          \
        left -= spent;                                                                                       \
        if (OBSERVED) {                                                                                      \
            observer->cycles[pc - program->steps] += spent;                                                  \
        }                                                                                                    \
    } while (0)
#define NOTE_STORE(address_)                                                                                 \
    do {                                                                                                     \
        if (OBSERVED && observer_store(observer, (address_))) {                                              \
            const uint64_t stored_at = NOW;                                                                  \
            s->stop = STOP_WATCHPOINT;                                                                       \
            s->run_limit = 0;                                                                                \
            LIMIT_CHANGED(stored_at);                                                                        \
        }                                                                                                    \
    } while (0)
#define NOTE_STACK()                                                                                         \
    do {                                                                                                     \
        if (OBSERVED) {                                                                                      \
            observer_stack(observer, cpu_sp(s));                                                             \
        }                                                                                                    \
    } while (0)
#define STEP(name) do_##name:
#define DISPATCH()                                                                                           \
    do {                                                                                                     \
        if (left <= 0) {                                                                                     \
            goto out;                                                                                        \
        }                                                                                                    \
        if (OBSERVED && observer_breaks(observer, pc - program->steps)) {                                    \
            s->stop = STOP_BREAKPOINT;                                                                       \
            goto out;                                                                                        \
        }                                                                                                    \
        goto* labels[pc->kind];                                                                              \
    } while (0)
#define NEXT(cycles_)                                                                                        \
    do {                                                                                                     \
        SPEND(cycles_);                                                                                      \
        pc++;                                                                                                \
        DISPATCH();                                                                                          \
    } while (0)
#define JUMP(words_, cycles_)                                                                                \
    do {                                                                                                     \
        SPEND(cycles_);                                                                                      \
        pc += (words_);                                                                                      \
        DISPATCH();                                                                                          \
    } while (0)
#define GO_TO(word_, cycles_)                                                                                \
    do {                                                                                                     \
        SPEND(cycles_);                                                                                      \
        pc = &program->steps[(word_) & AVR_PC_MASK];                                                         \
        DISPATCH();                                                                                          \
    } while (0)
#define SKIP_IF(condition_, words_)                                                                          \
    do {                                                                                                     \
        if (condition_) {                                                                                    \
            const int skipped = (words_);                                                                    \
            JUMP(1 + skipped, 1 + skipped);                                                                  \
        }                                                                                                    \
        NEXT(1);                                                                                             \
    } while (0)
#define BRANCH_IF(condition_)                                                                                \
    do {                                                                                                     \
        if (condition_) {                                                                                    \
            JUMP(pc->k, 2);                                                                                  \
        }                                                                                                    \
        NEXT(1);                                                                                             \
    } while (0)
// Instructions that also occur in pairs, and the conditions of their branches.
#define DO_CP SUBTRACT(r[pc->d], r[pc->r])
#define DO_CPI SUBTRACT(r[pc->d], (unsigned)pc->k)
#define DO_CPC SUBTRACT_WITH_CARRY(r[pc->d], r[pc->r])
#define DO_SUBI                                                                                              \
    SUBTRACT(r[pc->d], (unsigned)pc->k);                                                                     \
    r[pc->d] = (uint8_t)result
#define DO_SBCI                                                                                              \
    SUBTRACT_WITH_CARRY(r[pc->d], (unsigned)pc->k);                                                          \
    r[pc->d] = (uint8_t)result
#define DO_DEC                                                                                               \
    LOGIC(r[pc->d] - 1);                                                                                     \
    crossed |= (result == 0x7F) << 7;                                                                        \
    r[pc->d] = result
#define IF_BREQ (nonzero == 0)
#define IF_BRNE (nonzero != 0)
#define IF_BRCS (carry)
#define IF_BRCC (!carry)
#define PAIR(first, branch)                                                                                  \
    STEP(first##_##branch) {                                                                                 \
        DO_##first;                                                                                          \
        if (OBSERVED) {                                                                                      \
            NEXT(1);                                                                                         \
        }                                                                                                    \
        left--;                                                                                              \
        pc++;                                                                                                \
        if (left <= 0) {                                                                                     \
            goto out;                                                                                        \
        }                                                                                                    \
        BRANCH_IF(IF_##branch);                                                                              \
    }

#define NOW (limit - (uint64_t)left) // cycle in which the instruction began
#define LIMIT_CHANGED(now_)                                                                                  \
    do {                                                                                                     \
        const uint64_t then = (now_);                                                                        \
        limit = s->run_limit < then + LONGEST_RUN ? s->run_limit : then + LONGEST_RUN;                       \
        left = (int64_t)(limit - then);                                                                      \
    } while (0)

#define LOAD(address_)                                                                                       \
    do {                                                                                                     \
        address = (uint16_t)(address_);                                                                      \
        if (!is_sram(address)) {                                                                             \
            goto load_elsewhere;                                                                             \
        }                                                                                                    \
        r[pc->d] = r[address];                                                                               \
        NEXT(2);                                                                                             \
    } while (0)
#define LOAD_INC(pointer_)                                                                                   \
    do {                                                                                                     \
        address = pair(r, pointer_);                                                                         \
        if (!is_sram(address)) {                                                                             \
            pointer = (pointer_);                                                                            \
            goto load_elsewhere_inc;                                                                         \
        }                                                                                                    \
        set_pair(r, pointer_, address + 1);                                                                  \
        r[pc->d] = r[address];                                                                               \
        NEXT(2);                                                                                             \
    } while (0)
#define LOAD_DEC(pointer_)                                                                                   \
    do {                                                                                                     \
        address = pair(r, pointer_) - 1;                                                                     \
        set_pair(r, pointer_, address);                                                                      \
        LOAD(address);                                                                                       \
    } while (0)
#define STORE(address_, value_)                                                                              \
    do {                                                                                                     \
        value = (value_);                                                                                    \
        address = (uint16_t)(address_);                                                                      \
        if (!is_sram(address)) {                                                                             \
            goto store_elsewhere;                                                                            \
        }                                                                                                    \
        r[address] = value;                                                                                  \
        NOTE_STORE(address);                                                                                 \
        NEXT(2);                                                                                             \
    } while (0)
#define STORE_INC(pointer_)                                                                                  \
    do {                                                                                                     \
        value = r[pc->d];                                                                                    \
        address = pair(r, pointer_);                                                                         \
        set_pair(r, pointer_, address + 1);                                                                  \
        STORE(address, value);                                                                               \
    } while (0)
#define STORE_DEC(pointer_)                                                                                  \
    do {                                                                                                     \
        value = r[pc->d];                                                                                    \
        address = pair(r, pointer_) - 1;                                                                     \
        set_pair(r, pointer_, address);                                                                      \
        STORE(address, value);                                                                               \
    } while (0)
// The whole of LPM is rarely more than reading flash.
#define FLASH_BYTE(address_)                                                                                 \
    (s->spm.intercepts_lpm ? (s->cycle = NOW, spm_lpm(s, (address_))) : flash_byte(s, (address_)))
#define PC_AFTER(words_) ((uint16_t)(pc - program->steps + (words_)) & AVR_PC_MASK)
#define PUSH_PC(words_)                                                                                      \
    do {                                                                                                     \
        const uint16_t sp = cpu_sp(s), after = PC_AFTER(words_);                                             \
        if ((uint16_t)(sp - AVR_SRAM_START - 1) < AVR_DATA_BYTES - AVR_SRAM_START - 1) {                     \
            r[sp] = (uint8_t)after;                                                                          \
            r[sp - 1] = (uint8_t)(after >> 8);                                                               \
            cpu_set_sp(s, sp - 2);                                                                           \
            NOTE_STORE(sp);                                                                                  \
            NOTE_STORE(sp - 1);                                                                              \
        } else {                                                                                             \
            const uint64_t now = NOW;                                                                        \
            PACK();                                                                                          \
            const unsigned halted = push_pc(s, after, now + 1);                                              \
            UNPACK();                                                                                        \
            LIMIT_CHANGED(now);                                                                              \
            left -= halted;                                                                                  \
        }                                                                                                    \
        NOTE_STACK();                                                                                        \
    } while (0)

#endif
