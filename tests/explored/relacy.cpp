// SPDX-License-Identifier: BSL-1.0
//
// A second opinion: three scenarios under Relacy (Debian: relacy-dev), whose memory model is not by the same author.
//   c++ -std=c++20 -O2 -w -fno-sized-deallocation -Iinclude tests/explored/relacy.cpp -o relacy && ./relacy [executions of each]
// Exit status: 0 when nothing is wrong, 77 where there is no Relacy.
#include "eap/detail/latest_slot.hpp" // all that is under test comes before Relacy, which redefines half the language
#include "eap/detail/lifetime_word.hpp"
#include "eap/detail/mailbox.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#if __has_include(<relacy/relacy.hpp>)

#include <algorithm>
#include <atomic>
#include <cassert>
#include <deque>
#include <fstream>
#include <iostream>
#include <list>
#include <map>
#include <mutex>
#include <new>
#include <queue>
#include <set>
#include <sstream>
#include <stack>
#include <stdexcept>
#include <string>
#include <vector>

#include <relacy/relacy.hpp>

#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst

namespace {

rl::memory_order of(std::memory_order order) {
    switch (order) {
    case std::memory_order_relaxed:
        return rl::mo_relaxed;
    case std::memory_order_release:
        return rl::mo_release;
    case std::memory_order_acq_rel:
        return rl::mo_acq_rel;
    case std::memory_order_seq_cst:
        return rl::mo_seq_cst;
    default:
        return rl::mo_acquire;
    }
}

template <class T> class relacy_atomic {
  public:
    relacy_atomic(T value) { value_.store(value, rl::mo_relaxed, $); }
    T load(std::memory_order order) const { return value_.load(of(order), $); }
    T exchange(T value, std::memory_order order) { return value_.exchange(value, of(order), $); }
    T fetch_add(T value, std::memory_order order) { return value_.fetch_add(value, of(order), $); }
    T fetch_sub(T value, std::memory_order order) { return value_.fetch_sub(value, of(order), $); }
    T fetch_or(T value, std::memory_order order) { return value_.fetch_or(value, of(order), $); }
    T fetch_and(T value, std::memory_order order) { return value_.fetch_and(value, of(order), $); }
    bool compare_exchange_weak(T& expected, T desired, std::memory_order order, std::memory_order failing) {
        return value_.compare_exchange_weak(expected, desired, of(order), $, of(failing), $);
    }
    bool compare_exchange_strong(T& expected, T desired, std::memory_order order, std::memory_order failing) {
        return value_.compare_exchange_strong(expected, desired, of(order), $, of(failing), $);
    }

  private:
    rl::atomic<T> value_;
};

struct relacy_sync {
    template <class T> using atomic = relacy_atomic<T>;
    template <class T> using plain = T; // seen by its effects
};

class plain { // its end is a write, so that what destroys too early is found
  public:
    explicit plain(int value = 0) { set(value); }
    ~plain() { set(-1); }
    int get() const { return value_($); }
    void set(int value) { value_($) = value; }
    void increment() { set(get() + 1); }

  private:
    rl::var<int> value_;
};

// ---- two reports and a completion: each message is taken once, by one reader at a time, the completion last ----

struct mailbox_holds : rl::test_suite<mailbox_holds, 3> {
    using box = eap::detail::mailbox<relacy_sync>;
    struct letter : eap::detail::mailbox_node {
        plain written, fates;
    };

    box mail;
    letter messages[3]; // the last one is the completion
    plain read, ended;
    bool accepted[3] = {false, false, false};

    void drain() {
        for (;;) {
            read.increment();
            auto* const next = static_cast<letter*>(mail.take());
            if (next == nullptr) {
                if (mail.release())
                    return;
                continue;
            }
            RL_ASSERT(next->written.get() == 1 && ended.get() == 0);
            next->fates.increment();
            if (next == &messages[2]) {
                ended.set(1);
                return;
            }
        }
    }
    void thread(unsigned me) {
        messages[me].written.set(1);
        const box::sent how = me == 2 ? mail.close(messages[me]) : mail.send(messages[me]);
        accepted[me] = how != box::sent::closed;
        if (how == box::sent::must_post)
            drain();
    }
    void after() {
        for (int i = 0; i < 3; ++i)
            RL_ASSERT(messages[i].fates.get() == (accepted[i] ? 1 : 0));
        RL_ASSERT(ended.get() == 1);
    }
};

// ---- two senders and the last reader: each value comes out once, as it was written ----

struct latest_slot_holds : rl::test_suite<latest_slot_holds, 3> {
    struct alignas(8) value {
        plain number, out;
    };
    using slot = eap::detail::latest_slot<value, relacy_sync>;

    slot where;
    value values[2];

    static void end(value* which) {
        if (which == nullptr)
            return;
        RL_ASSERT(which->number.get() == 1);
        which->out.increment();
    }
    void thread(unsigned me) {
        if (me == 2) {
            end(where.close());
            return;
        }
        values[me].number.set(1);
        const auto result = where.put(values[me]);
        end(result.replaced);
        if (result.became == slot::put_as::refused)
            end(&values[me]);
        else if (result.became == slot::put_as::sender_in_charge)
            where.resign();
    }
    void after() {
        RL_ASSERT(values[0].out.get() == 1 && values[1].out.get() == 1);
        RL_ASSERT(where.take() == nullptr);
    }
};

// ---- references and a slot: the last one ends the block, and sees all that was done with it ----

struct lifetime_holds : rl::test_suite<lifetime_holds, 3> {
    eap::detail::lifetime_word<relacy_sync> life;
    plain payload, slots[2], ends;

    void before() {
        life.add_reference();
        life.add_reference();
    }
    void end(bool is_last) {
        if (!is_last)
            return;
        payload.set(-1);
        slots[0].set(-1);
        slots[1].set(-1);
        ends.increment();
    }
    void thread(unsigned me) {
        if (me != 0) {
            static_cast<void>(payload.get());
            end(life.release());
            return;
        }
        const int slot = life.take_slot();
        RL_ASSERT(slot >= 0);
        slots[slot].set(1);
        end(life.release());
        slots[slot].set(2);
        end(life.give_back(slot));
    }
    void after() { RL_ASSERT(ends.get() == 1); }
};

template <class Suite> bool holds(const char* name, unsigned executions) {
    rl::test_params how;
    how.iteration_count = executions;
    how.search_type = rl::random_scheduler_type;
    std::ostringstream quiet;
    how.progress_stream = &quiet;
    const bool result = rl::simulate<Suite>(how);
    if (result)
        std::printf("%s: holds in %u executions\n", name, executions);
    else
        std::printf("%s: does not hold; see above\n", name);
    std::fflush(stdout);
    return result;
}

} // namespace

int main(int count, char** words) {
    const auto executions = static_cast<unsigned>(count > 1 ? std::atoi(words[1]) : 1000000);
    bool all = holds<mailbox_holds>("mailbox", executions);
    all = holds<latest_slot_holds>("latest_slot", executions) && all;
    all = holds<lifetime_holds>("lifetime_word", executions) && all;
    return all ? 0 : 1;
}

#else

int main() {
    std::puts("no Relacy here");
    return 77;
}

#endif
