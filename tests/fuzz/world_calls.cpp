// SPDX-License-Identifier: BSL-1.0
//
// Calls of a delegate: begun, waited for, ended.
#include "fuzz/world.hpp"

namespace fuzz {

void world::begin_call(const action& how) {
    const unsigned way = how.way();
    call_story& of = calls_.emplace_back();
    const std::size_t number = calls_.size() - 1;
    of.throws = way % 4 == 0;
    const bool is_nested = way % 4 == 3;
    const bool has_home = how.home() != home::managers_own; // else the shared pool
    const fuzz::mischief trick =
        how.home() == home::inside_post && how.mischief() == mischief::throw_something ? mischief::none
                                                                                       : how.mischief();
    of.has_callback = (way & 8U) == 0;
    of.listener = how.receiver();
    if (has_home)
        of.at = how.home();
    const eap::delegate<value(value)> target =
        eap::delegate<value(value)>{[this, &of, is_nested, held = counted{}](const value& given) {
            expect(++of.runs == 1, "a call runs once");
            lab::checkpoint("inside a call");
            if (is_nested) // needs the pool that it runs on
                try {
                    static_cast<void>(eap::begin_invoke(*pool_context_, [] { return 1; }).try_end_invoke());
                } catch (const eap::context_closed&) {
                    expect(pool_is_closed_, "only a closed pool refuses");
                }
            if (of.throws)
                throw thrown_by_work{};
            return given;
        }}.on(place_of_call(way));
    const bool is_bound_to_a_pool = (way & 4U) == 0;
    std::optional<eap::scoped_context> here;
    if (has_home)
        here.emplace(context_of(how.home()));
    else
        here.emplace(eap::any_synchronization_context{});
    const auto keep = [&](call made) {
        of.is_begun = true;
        std::exchange(held_calls_.at(how.slot()), held_call{&of, is_bound_to_a_pool, std::move(made)}) = {};
    };
    try {
        if (!of.has_callback)
            keep(target.begin_invoke(value{1}, nullptr, number));
        else
            with_receiver(
                how.receiver(),
                [&](auto callback) { keep(target.begin_invoke(value{1}, std::move(callback), number)); },
                [this, &of, trick, held = counted{}](const call& which) {
                    const visit running{*this};
                    expect(++of.callbacks == 1, "one callback");
                    expect(which.is_completed(), "a call is complete when its callback runs");
                    if (trick == mischief::look)
                        end_call(held_call{&of, true, which}, true);
                    play_tricks(trick, nullptr);
                });
    } catch (const eap::context_closed&) {
        expect(is_bound_to_a_pool ? pool_is_closed_ || is_closed(how.home())
                                  : loop_is_closed_ || is_closed(how.home()),
               "only a closed place refuses a call");
    }
}

eap::any_synchronization_context world::place_of_call(unsigned way) {
    if ((way & 4U) != 0)
        return *loop_context_;
    return *pool_context_;
}

void world::end_call(const held_call which, bool as_value) {
    if (!which.it.has_value())
        return;
    // A call on the loop may be waited for where it is run, and by nobody who would have to run it.
    if (!which.it.is_completed() && (!which.is_bound_to_a_pool || visit::depth != 0))
        return;
    call_story& of = *which.of;
    ++of.ending;
    try {
        if (as_value)
            static_cast<void>(which.it.try_end_invoke());
        else
            static_cast<void>(which.it.end_invoke());
        ++of.ends;
    } catch (const thrown_by_work&) {
        ++of.ends;
    } catch (const eap::operation_abandoned&) {
        ++of.ends;
    } catch (const eap::operation_cancelled&) {
        ++of.ends;
    } catch (const eap::would_deadlock&) {
        expect(false, "the thread that ends a call does not run it");
    } catch (const eap::invalid_operation&) {
        expect(of.ends + of.ending > 1, "no end is refused for nothing");
    }
    --of.ending;
}

void world::wait_for_call(const action& how) {
    const held_call which = held_calls_.at(how.slot());
    if (!which.it.has_value())
        return;
    if (how.time_out() != 0)
        which.it.wait_for(how.time());
    else if (which.is_bound_to_a_pool)
        which.it.wait();
    expect(how.time_out() != 0 || !which.is_bound_to_a_pool || which.it.is_completed(),
           "a call that was waited for is complete");
}

void world::wait_for_any_call(const action& how) {
    std::vector<call> which;
    bool on_a_pool = true;
    for (const held_call& each : std::array{held_calls_})
        if (each.it.has_value()) {
            which.push_back(each.it);
            on_a_pool = on_a_pool && each.is_bound_to_a_pool;
        }
    if (which.empty())
        return;
    if (how.time_out() != 0 || !on_a_pool)
        static_cast<void>(eap::wait_any_for(how.time(), which));
    else
        expect(which.at(eap::wait_any(which)).is_completed(),
               "of calls that were waited for, one is complete");
}

} // namespace fuzz
