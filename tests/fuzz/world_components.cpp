// SPDX-License-Identifier: BSL-1.0
//
// A method, and an event.
#include "fuzz/world.hpp"

namespace fuzz {

void world::start_method(unsigned way, unsigned id, fuzz::home at) {
    if (at == home::managers_own)
        at = home::pool;
    invocation_story& of = invocations_.emplace_back();
    const std::size_t number = invocations_.size() - 1;
    const int argument = static_cast<int>(number * 16 + way % 4);
    const eap::scoped_context here{context_of(at)};
    of.key = (way & 4U) != 0 ? 0 : id;
    const auto many = many_;
    const auto one = one_;
    const bool is_single = (way & 4U) != 0;
    if (way >= 12 &&
        at != home::inside_post) // where nobody called, such an exception ends the program, and has to
        of.trick = mischief::throw_something;
    else if (way >= 8)
        of.trick = mischief::start_the_method;
    std::vector<invocation_story*>
        older; // whose starts have returned: of two at the same time, either may be the newer one
    constexpr unsigned supersede = 1;
    if (of.key != 0 && script_.policy() == supersede)
        for (invocation_story& each : invocations_)
            if (each.key == of.key && each.is_started)
                older.push_back(&each);
    try {
        if (is_single && one != nullptr)
            of.is_started = one->start(argument, task{1000 + static_cast<unsigned>(number), number});
        else if (!is_single && many != nullptr)
            of.is_started =
                many->start(argument, task{id == 0 ? 1000 + static_cast<unsigned>(number) : id, number});
        if (of.is_started)
            for (invocation_story* const each : older)
                each->is_superseded = true;
    } catch (const eap::context_closed&) {
        expect(is_closed(at) || is_closed(script_.method_works_on_the_loop() ? home::loop : home::pool),
               "only a closed place refuses an invocation");
    } catch (const eap::duplicate_task_id&) {
        expect(!is_single && id != 0 && script_.policy() == 0, "only a pending id is refused");
    } catch (const eap::invalid_operation&) {
        expect(is_single, "only a busy method refuses an invocation");
    }
}

void world::connect(const action& how) {
    const auto alive = event_;
    if (alive == nullptr)
        return;
    const auto made = std::make_shared<subscription>();
    const auto handler = std::make_shared<int>(0);
    made->handler = handler;
    with_receiver(
        how.receiver(), [&](auto given) { made->it = alive->connect(std::move(given)); },
        [this, weak = std::weak_ptr{made}, trick = how.mischief(), handler, counts = counted{}](int) {
            const auto self = weak.lock();
            if (self == nullptr) // nobody looks at it any more
                return;
            const visit here{*this};
            expect(!self->is_disconnected, "a handler that was disconnected does not start");
            ++self->running;
            struct leave {
                int& running;
                ~leave() { --running; }
            } const at_end{self->running};
            lab::checkpoint("inside a handler of an event");
            if (trick == mischief::disconnect_itself)
                self->it.disconnect();
            play_tricks(trick == mischief::end_own_receiver ? mischief::none : trick, nullptr);
        });
    std::exchange(subscriptions_.at(how.slot()), made).reset();
}

void world::raise() {
    const auto alive = event_;
    if (alive == nullptr)
        return;
    try {
        (*alive)(1);
    } catch (const thrown_by_handler&) {
        ++caught_;
    }
}

} // namespace fuzz
