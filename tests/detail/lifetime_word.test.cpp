// SPDX-License-Identifier: BSL-1.0
#include "eap/detail/lifetime_word.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <thread>
#include <vector>

namespace {

using word = eap::detail::lifetime_word<>;

} // namespace

TEST_CASE("the creator's reference is the only one at first", "[lifetime_word]") {
    word w;
    CHECK(w.release());
}

TEST_CASE("only the last of many references destroys", "[lifetime_word][G14]") {
    word w;
    for (int i = 0; i < 100'000; ++i)
        w.add_reference();
    bool too_early = false;
    for (int i = 0; i < 100'000; ++i)
        too_early = w.release() || too_early;
    CHECK_FALSE(too_early);
    CHECK(w.release());
}

TEST_CASE("two slots are lent, a third request is turned down", "[lifetime_word]") {
    word w;
    const int first = w.take_slot();
    const int second = w.take_slot();
    CHECK(first != second);
    CHECK((first == 0 || first == 1));
    CHECK((second == 0 || second == 1));
    CHECK(w.take_slot() == -1);
}

TEST_CASE("a slot given back is lent again", "[lifetime_word]") {
    for (const int which : {0, 1}) {
        word w;
        static_cast<void>(w.take_slot());
        static_cast<void>(w.take_slot());
        CHECK_FALSE(w.give_back(which));
        CHECK(w.take_slot() == which);
    }
}

TEST_CASE("a slot that is lent keeps the block when the last reference goes", "[lifetime_word][G14]") {
    for (const int first_back : {0, 1}) {
        word w;
        static_cast<void>(w.take_slot());
        static_cast<void>(w.take_slot());
        CHECK_FALSE(w.release());
        CHECK_FALSE(w.give_back(first_back));
        CHECK(w.give_back(1 - first_back));
    }
}

TEST_CASE("slots go round among threads, and what one wrote there the next one may overwrite",
          "[lifetime_word][stress]") {
    word w;
    int memory[word::slot_count] = {0, 0}; // plain: owned by whoever has the slot
    std::atomic<int> used{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 5000; ++i) {
                const int slot = w.take_slot();
                if (slot < 0)
                    continue;
                ++memory[slot];
                ++used;
                static_cast<void>(w.give_back(slot));
            }
        });
    for (auto& each : threads)
        each.join();
    CHECK(memory[0] + memory[1] == used);
    CHECK(w.release());
}
