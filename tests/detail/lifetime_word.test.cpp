// SPDX-License-Identifier: BSL-1.0
#include "eap/detail/lifetime_word.hpp"

#include "support/catch.hpp"
#include "support/interleavings.hpp"

#include <atomic>
#include <thread>
#include <vector>

namespace {

using word = eap::detail::lifetime_word<>;
using stepping_word = eap::detail::lifetime_word<tests::stepping_sync>;

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

TEST_CASE("in every order of the last references and the slots coming back, exactly one destroys",
          "[lifetime_word][G14]") {
    tests::interleavings orders{6};
    while (orders.next()) {
        stepping_word w;
        w.add_reference();
        bool destroyed[3] = {false, false, false};
        orders.run({[&] {
                        const int slot = w.take_slot(); // while its reference is held
                        const bool early = w.release();
                        const bool late = slot >= 0 && w.give_back(slot);
                        destroyed[0] = early != late;
                        destroyed[1] = early && late;
                    },
                    [&] { destroyed[2] = w.release(); }});
        REQUIRE_FALSE(destroyed[1]);
        REQUIRE(destroyed[0] != destroyed[2]);
    }
    CHECK(orders.executions() >= 4);
}

TEST_CASE("in every order no slot is lent to two at a time", "[lifetime_word]") {
    tests::interleavings orders{3};
    bool turned_down = false;
    while (orders.next()) {
        stepping_word w;
        int users[stepping_word::slots] = {0, 0};
        bool shared = false, down = false;
        const auto use = [&] {
            const int slot = w.take_slot();
            if (slot < 0) {
                down = true;
                return;
            }
            shared = shared || users[slot]++ != 0;
            tests::interleavings::step();
            --users[slot];
            static_cast<void>(w.give_back(slot));
        };
        orders.run({use, use, use});
        REQUIRE_FALSE(shared);
        REQUIRE(w.release());
        turned_down = turned_down || down;
    }
    CHECK(turned_down);
    CHECK(orders.executions() > 100);
}

TEST_CASE("slots go round among threads, and what one wrote there the next one may overwrite",
          "[lifetime_word][stress]") {
    word w;
    int memory[word::slots] = {0, 0}; // plain: owned by whoever has the slot
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
