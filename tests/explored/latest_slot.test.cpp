// SPDX-License-Identifier: BSL-1.0
//
// Values that replace each other, and their readers, in every execution.
#include "eap/detail/latest_slot.hpp"

#include "explored/explored.hpp"

namespace {

using tests::expect;
using tests::plain;
using tests::run_threads;

struct alignas(8) value : tests::quarantined {
    explicit value(int n) : number(n) {}
    plain<int> number; // written before it is put in
};
using slot = eap::detail::latest_slot<value, tests::explored_sync>;
using put_as = slot::put_as;

// What comes out is destroyed by whoever gets it: twice, or never, is found.
int end(value* which) {
    if (which == nullptr)
        return 0;
    const int number = which->number;
    delete which;
    return number;
}

} // namespace

TEST_CASE("of two senders whose reader comes at once, each value comes out once, and the last one is read",
          "[explored][latest_slot][G14][G15]") {
    tests::explore_all([] {
        slot s;
        int read[3] = {0, 0, 0};
        const auto send = [&](int first, int& last_read) {
            for (int number = first; number < first + 2; ++number) {
                auto* const newest = new value{0};
                newest->number = number;
                const auto result = s.put(*newest);
                expect(end(result.replaced) != number, "a value replaces itself");
                if (result.became == put_as::sender_in_charge)
                    if (const int got = end(s.take()))
                        last_read = got;
                expect(result.became != put_as::refused, "refused by an open slot");
            }
        };
        run_threads([&] { send(10, read[0]); }, [&] { send(20, read[1]); });
        expect(read[0] % 10 == 1 || read[1] % 10 == 1, "neither last value was read");
        expect(s.take() == nullptr, "a value stays behind, and nobody was in charge");
    });
}

TEST_CASE("of two senders and a reader on a thread of its own, values come out once, the newer ones later",
          "[explored][latest_slot][G14][G15]") {
    tests::explore_all([] {
        slot s;
        int read[2] = {0, 0};
        const auto send = [&](int number) {
            auto* const newest = new value{0};
            newest->number = number;
            end(s.put(*newest).replaced);
        };
        run_threads(
            [&] {
                send(1);
                send(2);
            },
            [&] { send(10); },
            [&] {
                read[0] = end(s.take());
                read[1] = end(s.take());
            });
        expect(!(read[0] == 2 && read[1] == 1), "an older value is read after a newer one");
        end(s.close());
    });
}

TEST_CASE("of two senders and the last reader, a value comes out once or is refused, and nothing is taken in "
          "after it",
          "[explored][latest_slot][G3][G14]") {
    tests::explore_all([] {
        slot s;
        const auto send = [&](int number) {
            auto* const newest = new value{0};
            newest->number = number;
            const auto result = s.put(*newest);
            end(result.replaced);
            if (result.became == put_as::refused)
                end(newest); // the sender's again
            else if (result.became == put_as::sender_in_charge)
                s.resign();
            return result.became == put_as::refused;
        };
        run_threads(
            [&] {
                if (send(1))
                    expect(send(2), "refused, and then taken in");
                else
                    send(2);
            },
            [&] { send(10); }, [&] { end(s.close()); });
        expect(s.take() == nullptr, "taken in after the last reader had been");
        expect(send(20), "the slot is open again");
    });
}

TEST_CASE("a sender that got no reader leaves its value to the next one in charge",
          "[explored][latest_slot][G15]") {
    tests::explore_all([] {
        slot s;
        int read = 0;
        bool in_charge = false;
        run_threads(
            [&] {
                auto* const mine = new value{1};
                const auto result = s.put(*mine);
                end(result.replaced);
                if (result.became == put_as::sender_in_charge)
                    s.resign();
            },
            [&] {
                auto* const mine = new value{2};
                const auto result = s.put(*mine);
                end(result.replaced);
                in_charge = result.became == put_as::sender_in_charge;
                if (in_charge)
                    read = end(s.take());
            });
        if (in_charge)
            expect(read != 0 || s.take() == nullptr, "a reader finds nothing, and something was there");
        const auto after = s.put(*new value{3});
        expect(after.became == put_as::sender_in_charge,
               "nobody is in charge, and the next one is told otherwise");
        end(after.replaced);
        end(s.close());
    });
}
