// SPDX-License-Identifier: BSL-1.0
//
// One event: who raises it, connects, disconnects, ends it or a receiver at the same time, in every order.
#include <eap/testing/exploration.hpp>

#include <eap/anchor.hpp>
#include <eap/detail/parking.hpp>
#include <eap/event.hpp>
#include <eap/tracked.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace lab = eap::testing;

namespace {

enum class party {
    raise, // besides the raise that is always there
    connect,
    disconnect_the_anchored,
    disconnect_the_plain,
    end_the_anchor,
    end_the_shared_receiver,
    end_the_event,
    // what a handler does, on the thread of whoever raises:
    handler_disconnects_itself,
    handler_disconnects_a_later_one,
    handler_ends_its_anchor,
    handler_ends_the_event,
    handler_connects,
    handler_throws,
};
constexpr std::array all_parties{party::raise,
                                 party::connect,
                                 party::disconnect_the_anchored,
                                 party::disconnect_the_plain,
                                 party::end_the_anchor,
                                 party::end_the_shared_receiver,
                                 party::end_the_event,
                                 party::handler_disconnects_itself,
                                 party::handler_disconnects_a_later_one,
                                 party::handler_ends_its_anchor,
                                 party::handler_ends_the_event,
                                 party::handler_connects,
                                 party::handler_throws};
const char* name(party which) {
    constexpr std::array names{"raise",
                               "connect",
                               "disconnect the anchored handler",
                               "disconnect the plain handler",
                               "end the anchor",
                               "end the shared receiver",
                               "end the event",
                               "a handler that disconnects itself",
                               "a handler that disconnects a later one",
                               "a handler that ends its anchor",
                               "a handler that ends the event",
                               "a handler that connects one",
                               "a handler that throws"};
    return names.at(static_cast<std::size_t>(which));
}
bool has_a_thread(party which) { return which < party::handler_disconnects_itself; }

/// The handlers, in the order in which they are connected; any later ones follow.
enum subscriber : std::size_t { anchored, shared, plain, first_late };

struct thrown : std::runtime_error {
    thrown() : std::runtime_error{"thrown"} {}
};

/// One run: an event with three subscribers, a thread that raises it, and the parties, each on a thread of its own.
class meeting {
    using event = eap::event<std::size_t>; // the number of the raise

  public:
    explicit meeting(const std::vector<party>& parties) : parties_(parties) {}
    meeting(const meeting&) = delete;
    meeting& operator=(const meeting&) = delete;
    ~meeting() = default;

    void run() {
        known_.reserve(first_late + parties_.size() +
                       1); // parties may add some; those that are there stay where they are
        raises_.reserve(parties_.size() + 2);
        connect(eap::tracked(*anchor_, handler(anchored)));
        connect(eap::tracked(receiver_, handler(shared)));
        connect(handler(plain));
        {
            std::vector<lab::thread> threads;
            threads.reserve(parties_.size() + 1);
            threads.emplace_back("the first raise", [this] { raise(); });
            for (const party each : parties_)
                if (has_a_thread(each))
                    threads.emplace_back(name(each), [this, each] { act(each); });
        }
        if (event_ != nullptr)
            raise(); // what is still there is still called
        end_the_event();
        for (const subscription& each : known_)
            lab::check(each.alive == 0, "all handlers are destroyed");
    }

  private:
    struct subscription {
        eap::connection connection;
        bool is_connected = false; // `connect` has returned
        bool is_leaving = false;   // somebody has begun to disconnect it, or to end its receiver
        bool is_gone = false;      // and that has returned: it may not start any more
        int running = 0;
        int alive = 0; // of what the handler holds
    };
    struct raising {
        std::vector<bool> was_connected; // when it began
        std::vector<int> calls;
        std::size_t last = 0; // that was called
        bool has_called = false;
        bool threw = false;
    };

    /// Counted while it lives.
    class counted {
      public:
        explicit counted(int& alive) : alive_(&alive) { ++*alive_; }
        counted(const counted& other) : alive_(other.alive_) { ++*alive_; }
        counted& operator=(const counted&) = delete;
        ~counted() { --*alive_; }

      private:
        int* alive_;
    };
    struct receiver {
        explicit receiver(bool& gone) : gone_(gone) {}
        receiver(const receiver&) = delete;
        receiver& operator=(const receiver&) = delete;
        ~receiver() { gone_ = true; }

      private:
        bool& gone_;
    };

    std::function<void(std::size_t)> handler(std::size_t number) {
        known_.resize(std::max(known_.size(), number + 1));
        return [this, number, held = counted{known_.at(number).alive}](std::size_t raise_number) {
            handle(number, raise_number);
        };
    }
    template <class F> void connect(F function) {
        const std::size_t number = next_++;
        subscription& made = known_.at(number);
        made.connection = event_->connect(std::move(function));
        lab::checkpoint("has connected");
        made.is_connected = true;
    }
    void connect_a_late_one() {
        const std::size_t number = next_late_++;
        auto function = handler(number);
        subscription& made = known_.at(number);
        const std::size_t raises = raises_.size();
        std::vector<std::size_t> under_way; // have called somebody already
        for (std::size_t i = 0; i < raises; ++i)
            if (raises_.at(i).has_called)
                under_way.push_back(i);
        made.connection = event_->connect(std::move(function));
        lab::checkpoint("has connected");
        made.is_connected = true;
        for (const std::size_t each : under_way)
            not_in_.emplace_back(number, each);
    }

    void raise() {
        const std::size_t number = raises_.size();
        raises_.emplace_back();
        {
            raising& mine = raises_.back();
            mine.calls.resize(16);
            for (const subscription& each : known_)
                mine.was_connected.push_back(each.is_connected && !each.is_leaving);
        }
        try {
            (*event_)(number);
        } catch (const thrown&) {
            lab::check(std::exchange(raises_.at(number).threw, false), "what a handler has thrown");
        }
        raising& mine = raises_.at(number);
        lab::check(!mine.threw, "what a handler throws is thrown by the raise");
        begun_.set();
        for (std::size_t i = 0; i < known_.size(); ++i) {
            const int calls = mine.calls.at(i);
            lab::check(calls <= 1, "no handler is called twice");
            if (i < mine.was_connected.size() && mine.was_connected.at(i) && !known_.at(i).is_leaving)
                lab::check(calls == 1, "who was connected before and still is, is called");
        }
        for (const auto& [late, raise_number] : not_in_)
            lab::check(raises_.at(raise_number).calls.at(late) == 0,
                       "who connects meanwhile is called the next time");
    }

    void handle(std::size_t number, std::size_t raise_number) {
        subscription& self = known_.at(number);
        raising& by = raises_.at(raise_number);
        lab::check(!self.is_gone, "who has been disconnected, or whose receiver has ended, is not called");
        lab::check(number != shared || !is_receiver_gone_, "a shared receiver is held");
        lab::check(!by.has_called || by.last < number || by.last >= first_late,
                   "in the order of subscription");
        by.last = number;
        by.has_called = true;
        ++by.calls.at(number);
        ++self.running;
        begun_.set();
        lab::checkpoint("inside a handler");
        if (number == anchored)
            misbehave();
        if (number == plain && there_is(party::handler_ends_the_event))
            end_the_event();
        if (number == shared && there_is(party::handler_connects) && !std::exchange(has_connected_, true))
            connect_a_late_one();
        --self.running;
        if (number == anchored && there_is(party::handler_throws)) {
            by.threw = true;
            throw thrown{};
        }
    }
    void misbehave() {
        if (there_is(party::handler_disconnects_itself))
            disconnect(anchored, true);
        if (there_is(party::handler_disconnects_a_later_one))
            disconnect(plain, false);
        if (there_is(party::handler_ends_its_anchor))
            end_the_anchor(true);
    }

    void disconnect(std::size_t number, bool from_inside) {
        subscription& which = known_.at(number);
        which.is_leaving = true;
        which.connection.disconnect();
        which.is_gone =
            !from_inside || !there_is(party::raise); // on another thread it may be about to be called
        lab::check(!which.connection.connected(), "disconnected");
        if (!from_inside) {
            lab::check(which.running == 0, "it does not run any more when disconnect has returned");
            lab::check(which.alive == 0, "what it held is destroyed");
        }
    }
    void end_the_anchor(bool from_inside) {
        if (std::exchange(is_anchor_ending_, true))
            return;
        known_.at(anchored).is_leaving = true;
        anchor_.reset();
        known_.at(anchored).is_gone = true;
        lab::check(known_.at(anchored).running == (from_inside ? 1 : 0), "no handler of it runs any more");
    }
    /// Also from inside the plain handler.
    void end_the_event() {
        std::unique_ptr<event> last = std::move(event_);
        if (last == nullptr)
            return;
        for (subscription& each : known_)
            each.is_leaving = true;
        const bool from_inside = known_.at(plain).running != 0 && there_is(party::handler_ends_the_event);
        last.reset();
        for (std::size_t i = 0; i < known_.size(); ++i) {
            known_.at(i).is_gone = true;
            lab::check(known_.at(i).running == 0 || (from_inside && i == plain), "none runs any more");
            lab::check(known_.at(i).alive == 0 || (from_inside && i == plain), "all are destroyed");
        }
    }

    void act(party which) {
        switch (which) {
        case party::raise:
            raise();
            break;
        case party::connect:
            connect_a_late_one();
            break;
        case party::disconnect_the_anchored:
            disconnect(anchored, false);
            break;
        case party::disconnect_the_plain:
            disconnect(plain, false);
            break;
        case party::end_the_anchor:
            end_the_anchor(false);
            break;
        case party::end_the_shared_receiver:
            known_.at(shared).is_leaving = true;
            receiver_.reset();
            break;
        case party::end_the_event:
            begun_.wait(); // nobody begins to raise it later
            end_the_event();
            break;
        default:
            break;
        }
    }

    bool there_is(party which) const { return std::ranges::count(parties_, which) != 0; }

    const std::vector<party>& parties_;

    std::vector<subscription> known_; // one thread runs at a time: nothing here is atomic
    std::vector<raising> raises_;
    std::vector<std::pair<std::size_t, std::size_t>> not_in_; // late ones, and raises that were under way
    std::size_t next_ = anchored, next_late_ = first_late;
    bool is_receiver_gone_ = false, is_anchor_ending_ = false, has_connected_ = false;
    eap::detail::parking<> begun_;

    std::optional<eap::anchor> anchor_{std::in_place};
    std::shared_ptr<receiver> receiver_ = std::make_shared<receiver>(is_receiver_gone_);
    std::unique_ptr<event> event_ = std::make_unique<event>();
};

/// Whether they do nothing that is forbidden: who ends an event is the only one to use it then.
bool may_meet(const std::vector<party>& parties) {
    const auto there_are = [&](party which) { return std::ranges::count(parties, which); };
    const auto ends = there_are(party::end_the_event) + there_are(party::handler_ends_the_event);
    const auto uses =
        there_are(party::raise) + there_are(party::connect) + there_are(party::handler_connects);
    return ends == 0 || (ends == 1 && uses == 0);
}

std::string names(const std::vector<party>& parties) {
    std::string all = "raise";
    for (const party each : parties)
        all += std::string{", "} + name(each);
    return all;
}

/// The number of runs.
std::size_t explore(const std::vector<party>& parties, unsigned preemptions) {
    if (!may_meet(parties))
        return 0;
    const lab::exploration result =
        lab::explore(lab::every_order{.preemptions = preemptions, .at_most = 1'000'000}, [&] {
            meeting of{parties};
            of.run();
        });
    INFO(names(parties) << ": " << result);
    CHECK(result);
    CHECK((result.is_exhausted || !result));
    return result.runs;
}

bool may_meet_itself(party which) {
    return which == party::raise || which == party::connect || which == party::disconnect_the_anchored ||
           which == party::disconnect_the_plain;
}

std::size_t explore_pairs(unsigned preemptions) {
    std::size_t runs = 0;
    for (std::size_t a = 0; a < all_parties.size(); ++a)
        for (std::size_t b = a; b < all_parties.size(); ++b)
            if (a != b || may_meet_itself(all_parties.at(a)))
                runs += explore({all_parties.at(a), all_parties.at(b)}, preemptions);
    return runs;
}
std::size_t explore_triples(unsigned preemptions) {
    std::size_t runs = 0;
    for (std::size_t a = 0; a < all_parties.size(); ++a)
        for (std::size_t b = a + 1; b < all_parties.size(); ++b)
            for (std::size_t c = b + 1; c < all_parties.size(); ++c)
                runs += explore({all_parties.at(a), all_parties.at(b), all_parties.at(c)}, preemptions);
    return runs;
}

} // namespace

TEST_CASE("one event: a raise and every two other parties, in every order of two preemptions", "[lab]") {
    WARN(explore_pairs(2) << " runs");
}

TEST_CASE("one event: a raise and every three other parties, in every order without preemption", "[lab]") {
    WARN(explore_triples(0) << " runs");
}

TEST_CASE("one event: a raise and every two other parties, in every order of three preemptions", "[.long]") {
    WARN(explore_pairs(3) << " runs");
}

TEST_CASE("one event: a raise and every three other parties, in every order of one preemption", "[.long]") {
    WARN(explore_triples(1) << " runs");
}
