// SPDX-License-Identifier: BSL-1.0
#include "eap/detail/mailbox.hpp"

#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <deque>
#include <thread>
#include <vector>

namespace {

using box = eap::detail::mailbox<>;
using eap::detail::mailbox_node;

struct letter : mailbox_node {
    explicit letter(int n = 0) : number(n) {}
    int number;
};

int number_of(const mailbox_node* node) {
    return node == nullptr ? -1 : static_cast<const letter*>(node)->number;
}

template <class Box> std::vector<int> read_all(Box& from) {
    std::vector<int> numbers;
    while (mailbox_node* const next = from.take())
        numbers.push_back(number_of(next));
    return numbers;
}

std::vector<int> numbers_of(const mailbox_node* list) {
    std::vector<int> numbers;
    for (; list != nullptr; list = list->next)
        numbers.push_back(number_of(list));
    return numbers;
}

} // namespace

TEST_CASE("the first sender has to post, later ones rely on it", "[mailbox]") {
    box b;
    letter one, two;
    CHECK(b.send(one) == box::sent::must_post);
    CHECK(b.send(two) == box::sent::queued);
}

TEST_CASE("messages are taken in the order sent, also when more arrive in between", "[mailbox][G2]") {
    box b;
    std::array<letter, 5> letters{letter{0}, letter{1}, letter{2}, letter{3}, letter{4}};
    REQUIRE(b.send(letters[0]) == box::sent::must_post);
    REQUIRE(b.send(letters[1]) == box::sent::queued);
    REQUIRE(b.send(letters[2]) == box::sent::queued);
    CHECK(number_of(b.take()) == 0);
    REQUIRE(b.send(letters[3]) == box::sent::queued);
    REQUIRE(b.send(letters[4]) == box::sent::queued);
    CHECK(read_all(b) == std::vector{1, 2, 3, 4});
}

TEST_CASE("what was put back is taken again, first", "[mailbox]") {
    box b;
    letter one{1}, two{2};
    REQUIRE(b.send(one) == box::sent::must_post);
    REQUIRE(b.send(two) == box::sent::queued);
    mailbox_node* const first = b.take();
    b.untake(*first);
    CHECK(read_all(b) == std::vector{1, 2});
}

TEST_CASE("the reader may rest only when nothing has arrived", "[mailbox]") {
    box b;
    letter one, two;
    REQUIRE(b.send(one) == box::sent::must_post);
    CHECK_FALSE(b.release());
    REQUIRE(b.take() == &one);
    CHECK(b.release());
    CHECK(b.send(two) == box::sent::must_post); // whoever comes now is in charge
}

namespace {

bool remove(box& b, const mailbox_node& message) {
    return b.remove_if([&](const mailbox_node& each) { return &each == &message; }) == &message;
}

} // namespace

TEST_CASE("a refused message is removed wherever it stands, the others stay in order", "[mailbox][OP-15]") {
    for (int refused = 0; refused < 4; ++refused) {
        box b;
        std::array<letter, 4> letters{letter{0}, letter{1}, letter{2}, letter{3}};
        REQUIRE(b.send(letters[0]) == box::sent::must_post);
        REQUIRE(b.send(letters[1]) == box::sent::queued);
        mailbox_node* const oldest = b.take(); // so that some are in hand and some are new
        b.untake(*oldest);
        REQUIRE(b.send(letters[2]) == box::sent::queued);
        REQUIRE(b.send(letters[3]) == box::sent::queued);

        CHECK(remove(b, letters[static_cast<std::size_t>(refused)]));

        std::vector<int> left{0, 1, 2, 3};
        left.erase(left.begin() + refused);
        CHECK(read_all(b) == left);
    }
}

TEST_CASE("what is not in the box is not removed, and disturbs nothing", "[mailbox]") {
    box b;
    letter one{1}, two{2}, stranger{3};
    REQUIRE(b.send(one) == box::sent::must_post);
    REQUIRE(b.send(two) == box::sent::queued);
    CHECK_FALSE(remove(b, stranger));
    CHECK(remove(b, two));
    CHECK_FALSE(remove(b, two));
    CHECK(read_all(b) == std::vector{1});
    CHECK_FALSE(remove(b, one));
}

TEST_CASE("messages left in hand are found by the next sender's reader, in order", "[mailbox]") {
    box b;
    letter one{1}, two{2};
    REQUIRE(b.send(one) == box::sent::must_post);
    mailbox_node* const first = b.take();
    b.untake(*first);
    CHECK(b.has_taken());
    REQUIRE(b.release());
    CHECK(b.send(two) == box::sent::must_post);
    CHECK(read_all(b) == std::vector{1, 2});
    CHECK_FALSE(b.has_taken());
}

TEST_CASE("nothing is taken in after the last message", "[mailbox][G3][PA-5]") {
    box b;
    letter last, late;
    CHECK_FALSE(b.is_closed());
    CHECK(b.close(last) == box::sent::must_post);
    CHECK(b.is_closed());
    CHECK(b.send(late) == box::sent::closed);
}

TEST_CASE("the last message stands behind all others", "[mailbox][OP-12]") {
    box b;
    letter one{1}, two{2}, last{3};
    REQUIRE(b.send(one) == box::sent::must_post);
    REQUIRE(b.send(two) == box::sent::queued);
    CHECK(b.close(last) == box::sent::queued);
    CHECK(read_all(b) == std::vector{1, 2, 3});
}

TEST_CASE("a place that goes away gives back what was sent, oldest first", "[mailbox]") {
    box b;
    letter one{1}, two{2}, three{3};
    REQUIRE(b.send(one) == box::sent::must_post);
    REQUIRE(b.send(two) == box::sent::queued);
    mailbox_node* const first = b.take();
    b.untake(*first);
    REQUIRE(b.send(three) == box::sent::queued);

    const auto remains = b.place_is_gone();

    CHECK(numbers_of(remains.messages) == std::vector{1, 2, 3});
    CHECK_FALSE(remains.has_last);
}

TEST_CASE("a place that goes away says so when the last message was among the rest", "[mailbox][G1]") {
    box b;
    letter one{1}, last{2};
    REQUIRE(b.send(one) == box::sent::must_post);
    REQUIRE(b.close(last) == box::sent::queued);
    const auto remains = b.place_is_gone();
    CHECK(numbers_of(remains.messages) == std::vector{1, 2});
    CHECK(remains.has_last);
}

TEST_CASE("once the place is gone messages are refused, and the last one is handed to its sender",
          "[mailbox][G1]") {
    box b;
    letter one{1}, late{2}, last{3};
    REQUIRE(b.send(one) == box::sent::must_post);
    CHECK(b.place_is_gone().messages == &one);
    CHECK(b.send(late) == box::sent::gone);
    CHECK(b.close(last) == box::sent::gone);
    CHECK(read_all(b) == std::vector{3});
}

TEST_CASE("four senders, one of whom reads at a time: everything arrives once, each sender's in order",
          "[mailbox][stress][G2]") {
    constexpr int senders = 4, each_sends = 5000;
    box b;
    std::vector<std::deque<letter>> letters(senders);
    std::vector<int> delivered; // plain: only the reader touches it
    std::vector<std::thread> threads;
    for (int s = 0; s < senders; ++s) {
        for (int i = 0; i < each_sends; ++i)
            letters[static_cast<std::size_t>(s)].emplace_back(s * each_sends + i);
        threads.emplace_back([&, s] {
            for (letter& each : letters[static_cast<std::size_t>(s)]) {
                if (b.send(each) != box::sent::must_post)
                    continue;
                for (;;) {
                    if (const mailbox_node* const next = b.take())
                        delivered.push_back(number_of(next));
                    else if (b.release())
                        break;
                }
            }
        });
    }
    for (auto& each : threads)
        each.join();
    REQUIRE(delivered.size() == static_cast<std::size_t>(senders * each_sends));
    std::vector<int> next(senders, 0);
    bool in_order = true;
    for (const int number : delivered) {
        auto& expected = next[static_cast<std::size_t>(number / each_sends)];
        in_order = in_order && number % each_sends == expected;
        ++expected;
    }
    CHECK(in_order);
}

TEST_CASE("the end races reports of another thread: none is delivered after it", "[mailbox][stress][G3]") {
    constexpr int rounds = 2000;
    int lost = 0, late = 0;
    for (int round = 0; round < rounds; ++round) {
        box b;
        std::array<letter, 3> letters{letter{0}, letter{1}, letter{2}};
        letter last{3};
        std::vector<int> delivered; // plain: only the reader touches it
        std::atomic<int> accepted{0};
        std::atomic<bool> start{false};
        const auto drain = [&] {
            for (;;) {
                const mailbox_node* const next = b.take();
                if (next != nullptr)
                    delivered.push_back(number_of(next));
                if (next == &last || (next == nullptr && b.release()))
                    return;
            }
        };
        std::thread reporter{[&] {
            while (!start.load()) {
            }
            for (letter& each : letters) {
                const auto how = b.send(each);
                accepted += how == box::sent::closed ? 0 : 1;
                if (how == box::sent::must_post)
                    drain();
            }
        }};
        start = true;
        if (b.close(last) == box::sent::must_post)
            drain();
        reporter.join();
        lost += delivered.size() == static_cast<std::size_t>(accepted) + 1 ? 0 : 1;
        late += !delivered.empty() && delivered.back() == 3 ? 0 : 1;
    }
    CHECK(lost == 0);
    CHECK(late == 0);
}
