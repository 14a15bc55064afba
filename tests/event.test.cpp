// SPDX-License-Identifier: BSL-1.0
#include <eap/event.hpp> // first: proves that the header stands alone

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/client.hpp"

#include <eap/anchor.hpp>
#include <eap/detail/parking.hpp>
#include <eap/tracked.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <latch>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using eap::detail::delivery;
using eap::detail::event_access;
using tests::lines;

namespace {

/// A handler that writes down that it ran.
auto adds(lines& log, std::string line) {
    return [&log, line = std::move(line)](const auto&...) { log.push_back(line); };
}

/// The chance for other threads to do what they must not do. Nothing waits for them.
void let_others_run() {
    for (int i = 0; i < 1000; ++i)
        std::this_thread::yield();
}

/// Calls something when it is destroyed; what was moved from does not.
template <class F> class at_end {
  public:
    explicit at_end(F f) : f_(std::move(f)) {}
    at_end(at_end&& other) noexcept : f_(std::exchange(other.f_, std::nullopt)) {}
    at_end& operator=(at_end&&) = delete;
    ~at_end() {
        if (f_)
            (*f_)();
    }

  private:
    std::optional<F> f_;
};

/// Counts its objects.
struct live {
    static inline std::atomic<int> count{0};
    live() noexcept { ++count; }
    live(const live&) noexcept { ++count; }
    live& operator=(const live&) = default;
    ~live() { --count; }
};

} // namespace

// ---- who is called, and in what order ----

TEST_CASE("handlers of an event run in the order in which they subscribed", "[event][EV-1]") {
    lines log;
    eap::event<int> happened;
    happened += adds(log, "first");
    happened.connect(adds(log, "second"));
    happened += adds(log, "third");
    happened(1);

    CHECK(log == lines{"first", "second", "third"});
}

TEST_CASE("a handler subscribed twice runs twice", "[event][EV-1]") {
    lines log;
    eap::event<> happened;
    const auto handler = adds(log, "ran");
    happened += handler;
    happened += handler;
    happened();

    CHECK(log == lines{"ran", "ran"});
}

TEST_CASE("of two equal subscriptions the one is removed whose connection is disconnected", "[event][EV-2]") {
    lines log;
    eap::event<> happened;
    const auto handler = adds(log, "twice");
    const auto first = happened.connect(handler);
    happened += adds(log, "between");
    const auto second = happened.connect(handler);
    CHECK(first != second);
    happened -= first;
    happened();

    CHECK(log == lines{"between", "twice"});
    CHECK_FALSE(first.connected());
    CHECK(second.connected());
}

TEST_CASE("disconnecting again, or nothing, or from another event, leaves the others", "[event][EV-2]") {
    lines log;
    eap::event<> happened, other;
    const auto gone = happened.connect(adds(log, "gone"));
    happened += adds(log, "stays");
    eap::connection copy;
    copy = gone;
    CHECK(copy == gone);
    gone.disconnect();
    copy.disconnect();
    other -= gone;
    eap::connection{}.disconnect();
    happened();

    CHECK(log == lines{"stays"});
    CHECK_FALSE(copy.connected());
    CHECK_FALSE(eap::connection{}.connected());
}

TEST_CASE("a handler connected during a dispatch runs from the next one on, behind the others",
          "[event][EV-3]") {
    lines log;
    eap::event<> happened;
    const auto gone = happened.connect(adds(log, "gone"));
    happened += [&] {
        log.emplace_back("connects");
        if (log.size() == 1) {
            happened += adds(log, "new");
            happened += adds(log, "newer");
        }
    };
    happened += adds(log, "last");
    gone.disconnect();
    happened();
    CHECK(log == lines{"connects", "last"});
    happened();

    CHECK(log == lines{"connects", "last", "connects", "last", "new", "newer"});
}

TEST_CASE("a handler disconnected during a dispatch does not run any more", "[event][EV-3]") {
    lines log;
    eap::event<> happened;
    eap::connection later;
    happened += [&] { later.disconnect(); };
    later = happened.connect(adds(log, "later"));
    happened += adds(log, "last");
    happened();

    CHECK(log == lines{"last"});
}

TEST_CASE("every handler runs, then the first exception is thrown", "[event][EV-4][O-12]") {
    lines log;
    eap::event<> happened;
    happened += adds(log, "before");
    happened += [] { throw std::runtime_error{"first"}; };
    happened += adds(log, "between");
    happened += [] { throw std::logic_error{"second"}; };
    happened += adds(log, "after");

    CHECK(tests::message_of<std::runtime_error>([&] { happened(); }) == "first");
    CHECK(log == lines{"before", "between", "after"});
}

TEST_CASE("an event without handlers may be raised", "[event][EV-5]") {
    lines log;
    eap::event<int> happened;
    happened(1);
    const auto subscription = happened.connect(adds(log, "ran"));
    happened(2);
    subscription.disconnect();
    happened(3);
    happened(4);
    happened += adds(log, "again");
    happened(5);

    CHECK(log == lines{"ran", "again"});
}

TEST_CASE("an empty function is not subscribed", "[event][EV-5]") {
    struct receiver {
        void hear() {}
    };
    eap::event<receiver&> happened;
    const std::vector<eap::connection> all{
        happened.connect(std::function<void(receiver&)>{}),
        happened.connect(static_cast<void (*)(receiver&)>(nullptr)),
        happened.connect(static_cast<void (receiver::*)()>(nullptr)),
        happened += std::function<void(const receiver&)>{},
    };
    for (const auto& each : all)
        CHECK(each == eap::connection{});
    receiver who;
    happened(who);
}

TEST_CASE("raising an event inside its handler nests", "[event][EV-6]") {
    lines log;
    eap::event<int> happened;
    happened += [&](int depth) {
        log.push_back("first " + std::to_string(depth));
        if (depth < 2)
            happened(depth + 1);
    };
    happened += [&](int depth) { log.push_back("second " + std::to_string(depth)); };
    happened(0);

    CHECK(log == lines{"first 0", "first 1", "first 2", "second 2", "second 1", "second 0"});
}

TEST_CASE("changes made in a dispatch hold in one that nests in it", "[event][EV-3][EV-6]") {
    lines log;
    eap::event<int> happened;
    eap::connection changes, later;
    changes = happened.connect([&, alive = live{}](int depth) {
        log.push_back("changes " + std::to_string(depth));
        changes.disconnect();
        later.disconnect();
        happened += [&](int d) { log.push_back("new " + std::to_string(d)); };
        happened(depth + 1);
        log.push_back("holds " + std::to_string(live::count));
    });
    later = happened.connect(adds(log, "later"));
    happened(0);

    CHECK(log == lines{"changes 0", "new 1", "holds 1"});
    CHECK(live::count == 0);
}

// ---- arguments and handlers ----

TEST_CASE("handlers take the arguments in any way that the first leaves untouched for the next", "[event]") {
    lines log;
    eap::event<std::string, int> happened;
    happened += [&](std::string taken, long) { log.push_back(std::move(taken)); };
    happened += [&](const std::string& seen, const int&) { log.push_back(seen); };
    happened += [&](auto&& any, auto&&...) {
        log.push_back(any + (std::is_same_v<decltype(any), const std::string&> ? " is const" : ""));
    };
    happened(std::string{"a string too long for its own buffer"}, 1);

    const std::string text = "a string too long for its own buffer";
    CHECK(log == lines{text, text, text + " is const"});
}

TEST_CASE("handlers of an event with a reference see the very object, and what the earlier ones did to it",
          "[event]") {
    eap::event<std::string&> happened;
    happened += [](std::string& text) { text += " first"; };
    happened += [](auto& text) { text += " second"; };
    std::string text = "0";
    happened(text);

    CHECK(text == "0 first second");
}

TEST_CASE("a member function is a handler of an event whose first argument is the object", "[event]") {
    struct counter {
        void add(int more) { sum += more; }
        int sum = 0;
    };
    eap::event<counter&, int> happened;
    happened += &counter::add;
    counter which;
    happened(which, 7);

    CHECK(which.sum == 7);
}

TEST_CASE("an argument that cannot be copied is seen by each handler", "[event]") {
    int sum = 0;
    eap::event<std::unique_ptr<int>> happened;
    for (int i = 0; i < 2; ++i)
        happened += [&](const std::unique_ptr<int>& value) { sum += *value; };
    happened(std::make_unique<int>(4));

    CHECK(sum == 8);
}

TEST_CASE("a handler may hold what cannot be copied, and change it", "[event]") {
    int seen = 0;
    eap::event<> happened;
    happened += [&seen, own = std::make_unique<int>(1)]() mutable { seen = (*own)++; };
    happened();
    happened();

    CHECK(seen == 2);
}

// ---- memory ----

TEST_CASE("raising an event allocates nothing", "[event]") {
    int calls = 0;
    eap::event<int> never, happened;
    for (int i = 0; i < 3; ++i)
        happened += [&](int depth) {
            ++calls;
            if (depth == 0)
                happened(1);
        };
    const auto gone = happened.connect([](int) {});
    gone.disconnect();
    const tests::allocation_watch watch;
    never(0);
    happened(0);
    happened(1);
    const std::size_t count = watch.count();

    CHECK(count == 0);
    CHECK(calls == 3 + 3 * 3 + 3);
}

TEST_CASE("connecting that runs out of memory has no effect", "[event]") {
    if (!tests::allocation_watch::works)
        return;
    lines log;
    bool ran_out = false;
    const auto connect = [&](eap::event<>& to, const char* line) {
        std::vector<std::string> text(8, line); // what the handler holds is made outside of the watch
        auto handler = [&log, text = std::move(text), alive = live{}] { log.push_back(text[0]); };
        for (std::size_t number = 1;; ++number) {
            auto copy = handler;
            const int before = live::count;
            tests::allocation_watch watch;
            watch.fail(number);
            try {
                to += std::move(copy);
                return;
            } catch (const std::bad_alloc&) {
                watch.fail(0);
                ran_out = true;
                if (live::count != before)
                    log.emplace_back("leaked");
            }
        }
    };
    {
        eap::event<> happened;
        connect(happened, "first"); // with the list
        connect(happened, "second");
        happened += [&, done = false]() mutable {
            if (!std::exchange(done, true))
                connect(happened, "during a dispatch"); // with another list
        };
        happened();
        happened();
    }
    CHECK(log == lines{"first", "second", "first", "second", "during a dispatch"});
    CHECK(live::count == 0);
    CHECK(ran_out);
}

TEST_CASE("what a handler holds is destroyed when it is disconnected, however long its connection is kept",
          "[event][G14]") {
    eap::event<> happened;
    const auto subscription = happened.connect([alive = live{}] {});
    CHECK(live::count == 1);
    subscription.disconnect();

    CHECK(live::count == 0);
}

TEST_CASE("a handler that disconnects itself runs to its end with what it holds, and never again",
          "[event][G12][G14]") {
    for (const bool throws : {false, true}) {
        lines log;
        eap::event<> happened;
        eap::connection self;
        self = happened.connect([&, alive = live{}] {
            self.disconnect();
            log.push_back("holds " + std::to_string(live::count));
            if (throws)
                throw std::runtime_error{"at its end"};
        });
        happened += [&] { log.push_back("then " + std::to_string(live::count)); };
        if (throws)
            CHECK_THROWS_AS(happened(), std::runtime_error);
        else
            happened();
        happened();

        CHECK(log == lines{"holds 1", "then 0", "then 0"});
    }
}

TEST_CASE("a handler that holds its own connection is destroyed after it disconnected itself",
          "[event][G14]") {
    eap::event<> happened;
    const auto self = std::make_shared<eap::connection>();
    *self = happened.connect([self, alive = live{}] { self->disconnect(); });
    happened();

    CHECK(live::count == 0);
    CHECK(self.use_count() == 1);
}

TEST_CASE("what a handler holds may do anything when it is destroyed", "[event][G12][G13]") {
    lines log;
    auto happened = std::make_unique<eap::event<>>();
    eap::connection gone;
    gone = happened->connect([last = at_end{[&] {
                                  log.emplace_back("destroyed");
                                  gone.disconnect();
                                  *happened += adds(log, "connected then");
                                  (*happened)();
                                  happened.reset();
                              }}] {});
    *happened += adds(log, "other");
    gone.disconnect();

    CHECK(log == lines{"destroyed", "other", "connected then"});
    CHECK(happened == nullptr);
}

// ---- the end of the event ----

TEST_CASE("a connection may outlive its event, and keeps nothing of it", "[event]") {
    eap::connection subscription;
    {
        eap::event<> happened;
        subscription = happened.connect([alive = live{}] {});
        CHECK(subscription.connected());
    }
    CHECK(live::count == 0);
    CHECK_FALSE(subscription.connected());
    subscription.disconnect();
}

TEST_CASE("a handler may destroy its event; the later ones do not run", "[event][G12]") {
    for (const int depth : {0, 1}) { // also inside of a nested dispatch
        lines log;
        auto happened = std::make_unique<eap::event<int>>();
        *happened += adds(log, "before");
        *happened += [&, alive = live{}](int level) {
            if (level < depth)
                return (*happened)(level + 1);
            happened.reset();
            log.push_back("holds " + std::to_string(live::count));
        };
        *happened += adds(log, "after");
        (*happened)(0);

        lines expected(static_cast<std::size_t>(depth) + 1, "before");
        expected.emplace_back("holds 1");
        CHECK(log == expected);
        CHECK(live::count == 0);
    }
}

// ---- other threads ----

namespace {

/// Whether `end`, called while the handler runs on two other threads, returns only when it has returned on both, and
/// leaves the event as good as new, if it is still there.
template <class End> bool waits_for_the_handler(End end) {
    auto happened = std::make_unique<eap::event<>>();
    eap::connection subscription;
    std::atomic<std::size_t> entered{0};
    std::array<bool, 2> left{}; // no atomics: the end orders them
    std::latch both_inside{2};
    subscription = happened->connect([&] {
        bool& mine = left.at(entered++);
        both_inside.count_down();
        while (subscription.connected()) // until `end` has begun
            std::this_thread::yield();
        let_others_run();
        mine = true;
    });
    const auto copy = subscription;
    const auto raise = [&raised = *happened] { raised(); };
    std::thread one{raise}, two{raise};
    both_inside.wait();
    end(happened, copy);
    const bool waited = left[0] && left[1];
    one.join();
    two.join();
    int later = happened ? 0 : 1;
    if (happened) {
        *happened += [&] { ++later; };
        (*happened)();
    }
    return waited && later == 1;
}

} // namespace

TEST_CASE("whoever ends a subscription on another thread waits for the handler that runs", "[event][O-27]") {
    using event = std::unique_ptr<eap::event<>>;
    CHECK(waits_for_the_handler([](event&, const eap::connection& which) { which.disconnect(); }));
    CHECK(waits_for_the_handler([](event& of, const eap::connection& which) { *of -= which; }));
    CHECK(waits_for_the_handler([](event& of, const eap::connection&) { of.reset(); }));
    CHECK(waits_for_the_handler(
        [](event&, const eap::connection& which) { const eap::scoped_connection ends{which}; }));
    CHECK(waits_for_the_handler([](event&, const eap::connection& which) {
        eap::scoped_connection replaced{which};
        replaced = eap::connection{};
    }));
}

TEST_CASE("every one that disconnects while the handler runs waits for it", "[event][O-27]") {
    eap::event<> happened;
    eap::connection subscription;
    std::atomic<int> disconnected{0};
    int too_early = 0;
    std::latch inside{1};
    subscription = happened.connect([&] {
        inside.count_down();
        while (subscription.connected())
            std::this_thread::yield();
        let_others_run();
        too_early = disconnected;
    });
    std::thread raiser{[&] { happened(); }};
    const auto disconnect = [&] {
        inside.wait();
        subscription.disconnect();
        ++disconnected;
    };
    std::thread other{disconnect};
    disconnect();
    other.join();
    raiser.join();

    CHECK(too_early == 0);
}

TEST_CASE("whoever disconnects on another thread waits until what the handler holds is destroyed",
          "[event][G14]") {
    eap::event<> happened;
    eap::connection subscription;
    std::latch inside{1};
    std::atomic<bool> disconnected{false};
    bool too_early = false;
    subscription = happened.connect([&, last = at_end{[&] {
                                            let_others_run();
                                            too_early = disconnected;
                                        }}] {
        inside.count_down();
        while (subscription.connected())
            std::this_thread::yield();
    });
    std::thread raiser{[&] { happened(); }};
    inside.wait();
    subscription.disconnect();
    disconnected = true;
    raiser.join();

    CHECK_FALSE(too_early);
}

TEST_CASE("who disconnects second waits until what the handler holds is destroyed", "[event][G14]") {
    eap::event<> happened;
    eap::connection subscription;
    std::thread second;
    std::atomic<bool> disconnected{false};
    bool too_early = false;
    subscription = happened.connect([&, last = at_end{[&] {
                                            second = std::thread{[&] {
                                                subscription.disconnect();
                                                disconnected = true;
                                            }};
                                            for (int i = 0; i < 10 && !disconnected; ++i)
                                                let_others_run();
                                            too_early = disconnected;
                                        }}] {});
    subscription.disconnect();
    second.join();

    CHECK_FALSE(too_early);
    CHECK(disconnected);
}

TEST_CASE("two threads inside one handler may both disconnect it, and what it holds lasts for both",
          "[event][G12][G14]") {
    eap::event<> happened;
    eap::connection subscription;
    std::latch both_inside{2}, both_disconnected{2};
    std::atomic<int> holds{0};
    subscription = happened.connect([&, alive = live{}] {
        both_inside.arrive_and_wait(); // so raises overlap
        subscription.disconnect();
        both_disconnected.arrive_and_wait();
        holds += live::count;
    });
    std::thread other{[&] { happened(); }};
    happened();
    other.join();

    CHECK(holds == 2);
    CHECK(live::count == 0);
}

TEST_CASE("a handler may destroy its event although another thread is inside that handler", "[event][G12]") {
    auto happened = std::make_unique<eap::event<>>();
    std::latch both_inside{2}, destroyed{1};
    std::atomic<bool> is_first{true};
    int holds = 0;
    *happened += [&, alive = live{}] {
        both_inside.arrive_and_wait();
        if (is_first.exchange(false)) {
            happened.reset();
            destroyed.count_down();
        } else {
            destroyed.wait();
            holds = live::count;
        }
    };
    std::thread other{[&raised = *happened] { raised(); }};
    (*happened)();
    other.join();

    CHECK(holds == 1);
    CHECK(live::count == 0);
}

TEST_CASE("a handler connected on another thread during a dispatch runs from the next one on",
          "[event][EV-3]") {
    lines log;
    eap::event<> happened;
    happened += [&, done = false]() mutable {
        if (!std::exchange(done, true))
            std::thread{[&] { happened += adds(log, "new"); }}.join();
        log.emplace_back("old");
    };
    happened();
    happened();

    CHECK(log == lines{"old", "old", "new"});
}

TEST_CASE("a handler disconnected on another thread during a dispatch does not run any more",
          "[event][EV-3]") {
    lines log;
    eap::event<> happened;
    eap::connection later;
    happened += [&] { std::thread{[&] { later.disconnect(); }}.join(); };
    later = happened.connect(adds(log, "later"));
    happened();

    CHECK(log.empty());
}

// ---- scoped_connection ----

TEST_CASE("a scoped connection disconnects when it dies, and not after its release", "[event][scoped]") {
    eap::event<> happened;
    eap::connection ends, stays, early;
    {
        const eap::scoped_connection first = ends = happened.connect([] {});
        eap::scoped_connection second{stays = happened.connect([] {})};
        eap::scoped_connection third{early = happened.connect([] {})};
        CHECK(first.connected());
        CHECK(second.release() == stays);
        CHECK_FALSE(second.connected());
        third.disconnect();
        CHECK_FALSE(third.connected());
        CHECK_FALSE(early.connected());
        CHECK(ends.connected());
        const eap::scoped_connection none;
        CHECK_FALSE(none.connected());
    }
    CHECK_FALSE(ends.connected());
    CHECK(stays.connected());
}

TEST_CASE("moving a scoped connection leaves nothing behind", "[event][scoped]") {
    eap::event<> happened;
    const auto subscription = happened.connect([] {});
    auto from = std::make_unique<eap::scoped_connection>(subscription);
    auto to = std::make_unique<eap::scoped_connection>(std::move(*from));
    from.reset();
    CHECK(subscription.connected());
    auto& same = *to;
    same = std::move(*to); // itself
    CHECK(subscription.connected());
    to.reset();
    CHECK_FALSE(subscription.connected());
}

TEST_CASE("assigning to a scoped connection disconnects what it had, when it has the new one",
          "[event][scoped]") {
    eap::event<> happened;
    eap::scoped_connection mine;
    bool has_new = false;
    mine = happened.connect([last = at_end{[&] { has_new = mine.connected(); }}] {});
    const auto old = mine.connected();
    const auto next = happened.connect([] {});
    mine = next;

    CHECK(old);
    CHECK(has_new);
    CHECK(next.connected());
}

TEST_CASE("a handler may end the scoped connection of its own subscription", "[event][scoped][G12]") {
    lines log;
    eap::event<> happened;
    std::optional<eap::scoped_connection> mine;
    mine.emplace(happened.connect([&] {
        mine.reset();
        log.emplace_back("ran");
    }));
    happened();
    happened();

    CHECK(log == lines{"ran"});
}

// ---- receivers ----

namespace {

struct shared_receiver {
    std::shared_ptr<int> there = std::make_shared<int>();
    template <class F> auto tracks(F handler) const { return eap::tracked(there, std::move(handler)); }
    void end() { there.reset(); }
};
struct anchored_receiver {
    std::optional<eap::anchor> there{std::in_place};
    template <class F> auto tracks(F handler) const { return eap::tracked(*there, std::move(handler)); }
    void end() { there.reset(); }
};

} // namespace

TEMPLATE_TEST_CASE("an event skips and forgets a tracked handler whose receiver has ended",
                   "[event][tracked][O-27]", shared_receiver, anchored_receiver) {
    lines log;
    eap::event<int> happened;
    TestType receiver;
    const auto subscription = happened.connect(receiver.tracks([&, alive = live{}](int) { //
        log.emplace_back("tracked");
    }));
    happened += adds(log, "other");
    happened(1);
    CHECK(log == lines{"tracked", "other"});
    receiver.end();
    CHECK(live::count == 1);
    happened(2);

    CHECK(log == lines{"tracked", "other", "other"});
    CHECK(live::count == 0);
    CHECK_FALSE(subscription.connected());
}

TEMPLATE_TEST_CASE("a receiver may end in its handler of an event", "[event][tracked][G12]", shared_receiver,
                   anchored_receiver) {
    lines log;
    eap::event<> happened;
    TestType receiver;
    happened += receiver.tracks([&] {
        receiver.end();
        log.emplace_back("ended");
    });
    happened();
    happened();

    CHECK(log == lines{"ended"});
}

// ---- for components ----

TEST_CASE("raising tells a component whether a handler ran, or had lost its receiver, or was not there",
          "[event]") {
    eap::event<int> happened;
    CHECK(event_access::raise(happened, 1) == delivery::nobody_there);
    happened.connect([](int) {}).disconnect();
    CHECK(event_access::raise(happened, 1) == delivery::nobody_there);
    anchored_receiver receiver;
    happened += receiver.tracks([](int) {});
    CHECK(event_access::raise(happened, 1) == delivery::made);
    receiver.end();
    CHECK(event_access::raise(happened, 1) == delivery::receiver_gone);
    CHECK(event_access::raise(happened, 1) == delivery::nobody_there);
    anchored_receiver another;
    happened += another.tracks([](int) {});
    happened += [](int) {};
    another.end();
    CHECK(event_access::raise(happened, 1) == delivery::made);
}

TEST_CASE("raised up to an exception, an event skips the later handlers", "[event][EV-4][BW-17]") {
    lines log;
    eap::event<int> happened;
    happened += adds(log, "before");
    happened += [](int) { throw std::runtime_error{"first"}; };
    happened += adds(log, "after");

    CHECK_THROWS_AS(event_access::raise_up_to_exception(happened, 1), std::runtime_error);
    CHECK(log == lines{"before"});
}

TEST_CASE("retiring an event waits for nobody, and what a running handler holds lasts", "[event]") {
    lines log;
    eap::event<> never, happened;
    eap::detail::parking<> retired;
    std::latch inside{1};
    happened += [&, alive = live{}] {
        inside.count_down();
        retired.wait();
        log.push_back("holds " + std::to_string(live::count));
    };
    const auto later = happened.connect([&, alive = live{}] { log.emplace_back("later"); });
    std::thread raiser{[&] { happened(); }};
    inside.wait();
    event_access::retire(never);
    event_access::retire(happened);
    retired.set();
    raiser.join();
    happened();

    CHECK(log == lines{"holds 1"});
    CHECK(live::count == 0);
    CHECK_FALSE(later.connected());
}

// ---- everything at once ----

TEST_CASE("while threads connect, disconnect and raise, no handler runs after its disconnection",
          "[event][stress]") {
    constexpr int rounds = 400;
    eap::event<int> happened;
    std::atomic<bool> end{false};
    std::atomic<int> calls{0}, calls_too_late{0}, not_called{0};
    happened += [&](int) { // connects and disconnects inside
        const eap::scoped_connection passing = happened.connect([alive = live{}](int) {});
    };
    const auto connects = [&] {
        for (int i = 0; i < rounds; ++i) {
            bool alive = true; // no atomic: disconnecting orders it
            int own_calls = 0;
            const auto own_thread = std::this_thread::get_id();
            const auto subscription = happened.connect([&, own_thread, held = live{}](int) {
                ++calls;
                if (!alive)
                    ++calls_too_late;
                if (std::this_thread::get_id() == own_thread)
                    ++own_calls;
            });
            const auto once = std::make_shared<eap::connection>();
            std::latch assigned{1};
            *once = happened.connect([once, &assigned, held = live{}](int) {
                assigned.wait();
                once->disconnect();
            });
            assigned.count_down();
            happened(i);
            subscription.disconnect();
            alive = false;
            once->disconnect();
            not_called += own_calls == 1 ? 0 : 1;
        }
    };
    const auto raises = [&] {
        while (!end)
            happened(0);
    };
    std::thread first{connects}, second{connects}, third{raises};
    first.join();
    second.join();
    end = true;
    third.join();

    CHECK(calls >= 2 * rounds);
    CHECK(calls_too_late == 0);
    CHECK(not_called == 0);
    CHECK(live::count == 0);
}

namespace {
struct owner_of_an_event { // kept by its own handler
    eap::event<> happened;
    eap::connection subscription;
};
struct reads_at_end {
    std::unique_ptr<int> own = std::make_unique<int>(1);
    int* seen;
    explicit reads_at_end(int& s) : seen(&s) {}
    reads_at_end(reads_at_end&&) = default;
    ~reads_at_end() {
        if (own)
            *seen += *own;
    }
};
} // namespace
TEST_CASE("a connection may be destroyed by what its disconnecting destroys", "[event][G12]") {
    int seen = 0;
    auto object = std::make_shared<owner_of_an_event>();
    owner_of_an_event& self = *object;
    self.subscription = self.happened.connect([last = reads_at_end{seen}, object] {});
    object.reset();
    self.subscription.disconnect();
    CHECK(seen == 1);
}
TEST_CASE("what a handler connects while its event is ending is not connected", "[event]") {
    auto happened = std::make_unique<eap::event<>>();
    eap::connection subscription, late;
    std::latch inside{1};
    subscription = happened->connect([&, &mine = *happened] {
        inside.count_down();
        while (subscription.connected())
            std::this_thread::yield();
        late = mine.connect([] {});
    });
    std::thread raiser{[&raised = *happened] { raised(); }};
    inside.wait();
    happened.reset();
    raiser.join();
    CHECK_FALSE(late.connected());
}

TEST_CASE("a tracked empty function is not subscribed either", "[event][EV-5]") {
    eap::event<> happened;
    const auto receiver = std::make_shared<int>();

    CHECK(happened.connect(eap::tracked(receiver, std::function<void()>{})) == eap::connection{});
}
