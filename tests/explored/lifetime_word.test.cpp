// SPDX-License-Identifier: BSL-1.0
//
// References and slots of one block, in every execution.
#include "eap/detail/lifetime_word.hpp"

#include "explored/explored.hpp"

namespace {

using tests::expect;
using tests::plain;
using tests::run_threads;

struct block : tests::quarantined {
    using word = eap::detail::lifetime_word<tests::explored_sync>;

    void release() {
        if (life.release())
            delete this;
    }
    void give_back(int slot) {
        if (life.give_back(slot))
            delete this;
    }

    word life;
    plain<int> payload{0};
    plain<int> slots[word::slot_count] = {0, 0};
};

} // namespace

TEST_CASE("of references and a slot that come back, the last destroys the block, and sees all that was done "
          "with it",
          "[explored][lifetime_word][G14]") {
    tests::explore_all([] {
        block* const it = new block;
        it->life.add_early_reference();
        it->life.add_reference();
        const auto release = [=] {
            static_cast<void>(static_cast<int>(it->payload));
            it->release();
        };
        run_threads(
            [=] {
                const int slot = it->life.take_slot();
                expect(slot >= 0, "no slot is free");
                it->slots[slot] = 1;
                it->release();
                it->slots[slot] = 2; // the slot keeps the block
                it->give_back(slot);
            },
            release, release);
    });
}

TEST_CASE("two slots that come back last, on two threads: the later one destroys the block",
          "[explored][lifetime_word][G14]") {
    tests::explore_all([] {
        block* const it = new block;
        const int one = it->life.take_slot();
        const int other = it->life.take_slot();
        const auto give_back = [=](int slot) {
            ++it->slots[slot];
            it->give_back(slot);
        };
        run_threads([=] { give_back(one); }, [=] { give_back(other); }, [=] { it->release(); });
    });
}

TEST_CASE("no slot is lent to two at a time, and the next user sees what the one before left",
          "[explored][lifetime_word]") {
    tests::explore_all(
        [] {
            block* const it = new block;
            const auto use = [=](int times) {
                while (times-- != 0) {
                    const int slot = it->life.take_slot();
                    if (slot < 0)
                        return;
                    ++it->slots[slot];
                    ++it->slots[slot];
                    it->give_back(slot);
                }
            };
            run_threads([&] { use(1); }, [&] { use(1); }, [&] { use(2); });
            expect(it->slots[0] % 2 == 0 && it->slots[1] % 2 == 0, "a slot was shared");
            it->release();
        },
        3);
}

TEST_CASE("a third slot is refused only while two are lent", "[explored][lifetime_word]") {
    tests::explore_all([] {
        block* const it = new block;
        bool refused = false;
        const int first = it->life.take_slot();
        run_threads(
            [&] {
                const int slot = it->life.take_slot();
                refused = slot < 0;
                if (!refused)
                    it->give_back(slot);
            },
            [&] { it->give_back(first); });
        expect(!refused, "refused, and one was free");
        it->release();
    });
}
