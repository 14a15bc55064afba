// SPDX-License-Identifier: BSL-1.0
//
// What handlers hear, and what they are up to.
#include "fuzz/world.hpp"

namespace fuzz {

void world::hear(operation_story& of, const eap::completed_event_args<value>& outcome, fuzz::mischief trick) {
    expect(++of.outcomes == 1 && of.undelivered == 0, "one outcome");
    of.told = ending_of(outcome.error(), outcome.cancelled());
    const inside here{*this, of};
    play_tricks(trick, &of);
}

void world::hear(operation_story& of, const eap::progress_changed_event_args<report>& what,
                 fuzz::mischief trick) {
    expect(of.outcomes == 0, "no report after the outcome");
    const inside here{*this, of};
    const report& sent = what.value();
    expect(sent.number > of.heard_last.at(sent.sender), "reports of one sender come in order");
    of.heard_last.at(sent.sender) = sent.number;
    ++of.heard;
    play_tricks(trick, &of);
}

void world::hear(const eap::undelivered& what) {
    operation_story* of = nullptr;
    if (!what.name.empty())
        of = &operations_.at(std::stoul(std::string{what.name}));
    else if (const auto* const id = what.user_state.get_if<task>())
        of = &operations_.at(id->of);
    else
        return; // plain and without an id: which one, is not known
    expect(++of->undelivered == 1 && of->outcomes == 0, "one outcome");
    of->told = ending_of(what.error, what.cancelled);
    switch (what.reason) {
    case eap::undelivered_reason::context_gone:
        expect(is_closed(of->at), "no home is gone that is still there");
        break;
    case eap::undelivered_reason::receiver_gone:
        expect(is_gone(of->listener), "no receiver is gone that is still there");
        break;
    case eap::undelivered_reason::no_handler:
        expect(of->is_plain, "no handler is missing that is there");
        break;
    case eap::undelivered_reason::post_failed:
        expect(false, "no home here refuses without being closed");
    }
}

void world::play_tricks(fuzz::mischief trick, operation_story* of) {
    constexpr int deepest = 3;
    if (visit::depth > deepest)
        return;
    action like;
    like.first = of == nullptr ? std::uint8_t{0} : static_cast<std::uint8_t>((of->id.key & 3U) << 2U);
    switch (trick) {
    case mischief::none:
        break;
    case mischief::checkpoint:
        lab::checkpoint("be slow");
        lab::checkpoint("be slow");
        break;
    case mischief::look:
        look(0, 1);
        break;
    case mischief::throw_something:
        ++thrown_;
        throw thrown_by_handler{};
    case mischief::cancel_everything:
        for (const auto& manager : std::array{managers_.at(0), managers_.at(1)})
            if (manager != nullptr)
                manager->cancel_all();
        if (const auto alive = many_)
            alive->cancel_all();
        break;
    case mischief::cancel_own_id:
        if (const auto manager = managers_.at(0); manager != nullptr && of != nullptr)
            manager->cancel(key_of(of->id.key));
        break;
    case mischief::end_own_receiver:
        // An anchored object waits for its handlers on other threads; so it must not be ended in those of another one.
        if (of != nullptr && (of->listener == receiver::shared || visit::depth == 1))
            end_receiver(of->listener);
        break;
    case mischief::close_own_home:
        if (of != nullptr)
            close(of->at);
        break;
    case mischief::drop_the_manager:
        drop_manager(0);
        break;
    case mischief::create_the_like:
        like.first = static_cast<std::uint8_t>(like.first | 1U);
        create(like, mischief::none);
        break;
    case mischief::complete_another:
        like.what = verb::complete;
        like.first = 2;
        end(like);
        break;
    case mischief::call:
        like.first = 3;
        like.second = 1U << 4U;
        begin_call(like);
        if (const held_call which = held_calls_.at(3); which.it.has_value())
            which.it.wait_for(5ms);
        break;
    case mischief::start_the_method:
        start_method(3, 1, home::loop);
        break;
    case mischief::raise_the_event:
        raise();
        break;
    case mischief::poll_the_loop:
        if (loop_ != nullptr)
            pump([this] { return loop_->poll(); });
        break;
    case mischief::disconnect_itself:
        break; // for handlers of the event, which do so themselves
    }
}

void world::end_receiver(fuzz::receiver which) {
    if (which == receiver::anchor) {
        anchor_is_ended_ = true;
        std::exchange(anchor_, nullptr).reset();
    } else if (which == receiver::shared) {
        shared_is_ended_ = true;
        std::exchange(shared_, nullptr).reset();
    }
}

void world::drop_manager(std::size_t which) {
    manager_is_closed_ = true;
    std::exchange(managers_.at(which), nullptr).reset();
}

void world::close(fuzz::home which) {
    if (which == home::pool) {
        pool_is_closed_ = true;
        if (pool_ != nullptr)
            pool_->close();
    } else if (which != home::inside_post) {
        loop_is_closed_ = true;
        if (loop_ != nullptr)
            loop_->close();
    }
}

} // namespace fuzz
