// SPDX-License-Identifier: BSL-1.0
//
// Senders, the one reader, the last message, and a place that goes away, in every execution.
#include "eap/detail/mailbox.hpp"

#include "explored/explored.hpp"

#include <utility>

namespace {

using eap::detail::mailbox_node;
using tests::acquire;
using tests::expect;
using tests::plain;
using tests::release;
using tests::run_threads;
using box = eap::detail::mailbox<tests::explored_sync>;
using sent = box::sent;
template <class T> using atomic = tests::explored_sync::atomic<T>;

struct letter : mailbox_node {
    plain<int> number{0}; // written before it is sent
    plain<int> fates{0};  // delivered or discarded: by one party, once
};

// An operation's mailbox, on a place that runs drains on any thread and at once.
struct operation {
    box mail;
    letter last;
    plain<int> read{0}; // by the reader alone, in turn: `taken_` has no eyes of its own
    plain<int> last_read{0};
    plain<int> home_told{0};
    plain<bool> has_ended{false};
    bool was_refused = false;

    static void end(mailbox_node* message) { ++static_cast<letter*>(message)->fates; }
    static int end_all(mailbox_node* list) {
        int count = 0;
        for (; list != nullptr; ++count)
            end(std::exchange(list, list->next));
        return count;
    }
    void deliver(mailbox_node* message) {
        expect(!has_ended, "delivered after the last message");
        const int number = static_cast<letter*>(message)->number;
        if (message == &last)
            has_ended = true;
        else
            expect(last_read / 10 != number / 10 || last_read < number, "delivered out of order");
        last_read = number;
        end(message);
    }
    void drain() {
        for (;;) {
            ++read; // whoever has the right to read has it before it takes anything
            mailbox_node* const next = mail.take();
            if (next == nullptr) {
                if (mail.release())
                    return;
                continue;
            }
            const bool is_last = next == &last;
            if (is_last)
                notify_when_queued();
            deliver(next);
            if (is_last)
                return;
        }
    }
    void notify_when_queued() {
        if (mail.last_was_queued())
            ++home_told;
    }
    bool send(letter& message, int number) {
        message.number = number;
        const sent how = mail.send(message);
        if (how == sent::must_post)
            drain();
        return how == sent::must_post || how == sent::queued;
    }
    void close() {
        last.number = 99;
        const sent how = mail.close(last);
        if (how == sent::must_post)
            drain();
        else if (how == sent::gone) // the right to read came with it
            give_up();
        if (how != sent::queued)
            ++home_told;
    }
    void give_up() {
        ++read;
        while (mailbox_node* const next = mail.take())
            end(next);
        has_ended = true;
    }
    void place_is_gone() {
        ++read; // a reader until it says so
        const auto remains = mail.place_is_gone();
        end_all(remains.messages);
        if (remains.has_last) {
            notify_when_queued();
            has_ended = true;
        }
    }
};

} // namespace

TEST_CASE("of reports and a completion every message is taken once, in order, by one reader at a time, "
          "completion last",
          "[explored][mailbox][G1][G2][G3]") {
    tests::explore_all(
        [] {
            operation o;
            letter a1, a2, b1;
            bool a1_sent = false, a2_sent = false, b1_sent = false;
            run_threads(
                [&] {
                    a1_sent = o.send(a1, 11);
                    a2_sent = o.send(a2, 12);
                },
                [&] { b1_sent = o.send(b1, 21); }, [&] { o.close(); });
            expect(o.has_ended && o.last.fates == 1 && o.last_read == 99, "the completion is not the last");
            expect(a1.fates == (a1_sent ? 1 : 0) && a2.fates == (a2_sent ? 1 : 0) &&
                       b1.fates == (b1_sent ? 1 : 0),
                   "what was accepted is not delivered once, or what was refused is");
            expect(a1_sent || !a2_sent, "refused, and then accepted");
            expect(o.home_told == 1, "the home is not told of the end once");
        },
        2);
}

TEST_CASE(
    "of two reports and a completion every message is taken once, by one reader at a time, completion last",
    "[explored][mailbox][G1][G2][G3]") {
    tests::explore_all(
        [] {
            operation o;
            letter a1, b1;
            bool a1_sent = false, b1_sent = false;
            run_threads([&] { a1_sent = o.send(a1, 11); }, [&] { b1_sent = o.send(b1, 21); },
                        [&] { o.close(); });
            expect(o.has_ended && o.last.fates == 1 && o.last_read == 99, "the completion is not the last");
            expect(a1.fates == (a1_sent ? 1 : 0) && b1.fates == (b1_sent ? 1 : 0),
                   "what was accepted is not delivered once, or what was refused is");
            expect(o.home_told == 1, "the home is not told of the end once");
        },
        3);
}

TEST_CASE("of three senders none is left behind by a reader that goes idle", "[explored][mailbox][G1][G2]") {
    tests::explore_all(
        [] {
            operation o;
            letter a1, b1, c1;
            run_threads([&] { o.send(a1, 11); }, [&] { o.send(b1, 21); }, [&] { o.send(c1, 31); });
            expect(a1.fates == 1 && b1.fates == 1 && c1.fates == 1, "a message is left behind");
            expect(o.mail.send(o.last) == sent::must_post, "the right to read is lost");
            expect(o.mail.take() == &o.last, "something is left");
        },
        2);
}

TEST_CASE("two senders again and again: each one's messages come in order, whoever reads them",
          "[explored][mailbox][G2]") {
    tests::explore_all(
        [] {
            operation o;
            letter a[3], b[2];
            run_threads(
                [&] {
                    for (int i = 0; i < 3; ++i)
                        o.send(a[i], 10 + i);
                },
                [&] {
                    for (int i = 0; i < 2; ++i)
                        o.send(b[i], 20 + i);
                });
            expect(a[0].fates == 1 && a[1].fates == 1 && a[2].fates == 1 && b[0].fates == 1 &&
                       b[1].fates == 1,
                   "a message is left behind");
        },
        2);
}

TEST_CASE("a drain that runs on a thread of its own finds what was sent, to the completion",
          "[explored][mailbox][G1][G5]") {
    tests::explore_all(
        [] {
            operation o;
            letter a1, a2;
            atomic<int> posted{0}; // the home: drains that were posted
            const auto post = [&] {
                posted.fetch_add(1, release);
                posted.notify_one();
            };
            run_threads(
                [&] {
                    const auto send = [&](letter& message, int number) {
                        message.number = number;
                        const sent how = o.mail.send(message);
                        if (how == sent::must_post)
                            post();
                        return how != sent::closed;
                    };
                    if (!send(a1, 11))
                        expect(!send(a2, 12), "refused, and then accepted");
                    else
                        send(a2, 12);
                },
                [&] {
                    o.last.number = 99;
                    const sent how = o.mail.close(o.last);
                    if (how == sent::must_post)
                        post();
                    if (how != sent::queued)
                        ++o.home_told;
                },
                [&] {
                    for (int drains = 0; !o.has_ended; ++drains) {
                        posted.wait(drains, acquire);
                        o.drain();
                    }
                });
            expect(o.last.fates == 1 && o.home_told == 1, "the home is not told of the end once");
        },
        3);
}

TEST_CASE("of a place that goes away, a sender and the completion, each message has one fate, and one knows "
          "of the end",
          "[explored][mailbox][G1][G14]") {
    tests::explore_all([] {
        operation o;
        letter first, second;
        first.number = 11;
        // whoever sent the first message has posted a drain, and now hears that it was destroyed
        expect(o.mail.send(first) == sent::must_post, "there is a reader already");
        bool second_sent = false;
        run_threads([&] { o.place_is_gone(); },
                    [&] {
                        second.number = 21;
                        const sent how = o.mail.send(second);
                        expect(how != sent::must_post, "a place that is gone is asked to read");
                        second_sent = how == sent::queued;
                    },
                    [&] { o.close(); });
        expect(o.has_ended && o.last.fates == 1 && o.home_told == 1, "the end is not known to one");
        expect(first.fates == 1 && second.fates == (second_sent ? 1 : 0), "a message has no fate, or two");
    });
}

TEST_CASE(
    "of two senders and a place that goes away: the completion that comes after all of them is handed back",
    "[explored][mailbox][G1][G14]") {
    tests::explore_all([] {
        operation o;
        letter first, b1, c1;
        first.number = 11;
        expect(o.mail.send(first) == sent::must_post, "there is a reader already");
        bool b1_sent = false, c1_sent = false;
        const auto send = [&](letter& message) {
            message.number = 21;
            return o.mail.send(message) == sent::queued;
        };
        run_threads([&] { o.place_is_gone(); }, [&] { b1_sent = send(b1); }, [&] { c1_sent = send(c1); });
        expect(first.fates == 1 && b1.fates == (b1_sent ? 1 : 0) && c1.fates == (c1_sent ? 1 : 0),
               "a message has no fate, or two");
        expect(o.mail.close(o.last) == sent::gone, "a place that is gone takes in the completion");
        expect(o.mail.take() == &o.last && o.mail.take() == nullptr, "something was left in the box");
    });
}

TEST_CASE(
    "a sender whose drain is refused takes back its own message alone; the others' come home by the next one",
    "[explored][mailbox][OP-15][G1]") {
    tests::explore_all(
        [] {
            operation o;
            letter a1, b1;
            bool a1_refused = false, b1_sent = false;
            run_threads(
                [&] {
                    a1.number = 11;
                    const sent how = o.mail.send(a1);
                    if (how != sent::must_post)
                        return;
                    mailbox_node* const own =
                        o.mail.remove_if([&](const mailbox_node& each) { return &each == &a1; });
                    if (own == nullptr)
                        return;
                    expect(own == &a1 && own->next == nullptr, "took back what is not its own");
                    o.end(own);
                    a1_refused = true;
                    ++o.read;
                    if (o.mail.has_taken() || !o.mail.release())
                        o.drain(); // the second try is accepted
                },
                [&] { b1_sent = o.send(b1, 21); }, [&] { o.close(); });
            expect(o.has_ended && o.last.fates == 1 && o.last_read == 99, "the completion is not the last");
            expect(o.home_told == 1, "the home is not told of the end once");
            expect(b1.fates == (b1_sent ? 1 : 0), "another one's message is lost, or comes twice");
            expect(!a1_refused || a1.fates == 1, "taken back, and delivered all the same");
        },
        2);
}

TEST_CASE("what a reader puts back is read by whoever it hands its right to", "[explored][mailbox][G2]") {
    tests::explore_all(
        [] {
            operation o;
            letter a1, a2, b1;
            atomic<bool> handed_on{false};
            run_threads(
                [&] {
                    o.send(a1, 11);
                    a2.number = 12;
                    if (o.mail.send(a2) != sent::must_post)
                        return;
                    if (mailbox_node* const first = o.mail.take()) {
                        o.mail.untake(*first);
                        ++o.read;
                        handed_on.store(true, release);
                        handed_on.notify_one();
                    }
                },
                [&] {
                    if (handed_on.load(acquire))
                        o.drain();
                },
                [&] { o.send(b1, 21); });
            if (!(a2.fates == 1 && b1.fates == 1)) // the second looked too early
                o.drain();
            expect(a1.fates == 1 && a2.fates == 1 && b1.fates == 1, "a message is left behind");
        },
        3);
}

TEST_CASE("whoever finds the last message sent sees what was written before", "[explored][mailbox]") {
    tests::explore_all(
        [] {
            operation o;
            letter b1;
            plain<int> outcome{0};
            run_threads(
                [&] {
                    outcome = 1;
                    o.close();
                },
                [&] {
                    if (o.mail.is_closed())
                        expect(outcome == 1, "closed before the outcome was there");
                },
                [&] { o.send(b1, 21); });
        },
        3);
}
