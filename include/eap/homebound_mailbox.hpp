// SPDX-License-Identifier: BSL-1.0
//
// Layer 2 – a mailbox with a way home: messages run on a context, one at a time, in order, and end with a last one.
#ifndef EAP_HOMEBOUND_MAILBOX_HPP
#define EAP_HOMEBOUND_MAILBOX_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/detail/block_memory.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/mailbox.hpp"
#include "eap/detail/platform.hpp"
#include "eap/detail/posted.hpp"
#include "eap/detail/reserved_postable.hpp"
#include "eap/detail/seldom.hpp"
#include "eap/errors.hpp"
#include "eap/scoped_context.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/undelivered.hpp"

#include <exception>
#include <optional>
#include <utility>

namespace eap::detail {

/// Whoever finds the mailbox without a reader becomes its reader and posts one *drain*, a closure of one pointer, to the
/// home; the right to read goes with it. At home the drain handles messages in order, and gives the right back when there
/// are none.
///
/// Guarantees    on every context, pools included, messages are handled one at a time, in order, the last one last.
///               For each, exactly one of: delivered at home, or discarded. For the last: `end_at_home` or
///               `end_without_home`, once. Sending the last allocates nothing on a context that honours `get_allocator`.
/// Invariants    `mailbox_` knows the one owner of the right to read: the thread that posts a drain, then the drain, then
///               nobody. Only the reader delivers and discards messages, and calls the hooks below.
///               Every drain in flight holds a reference.
/// Race table    docs/architecture.md
class homebound_mailbox : public reserved_postable {
  public:
    /// What is sent home.
    class message : public mailbox_node, public in_block_memory {
      public:
        message() = default;
        message(const message&) = delete;
        message& operator=(const message&) = delete;
        // One of these ends it:
        virtual void deliver(homebound_mailbox& from) = 0; // at home
        virtual void discard() noexcept = 0;
        // The home would not be woken:
        virtual void take_back() noexcept { discard(); }        // for the sender, who hears of it
        virtual bool can_wait() const noexcept { return true; } // for the next message that the home takes

      protected:
        ~message() = default;
    };

    const any_synchronization_context& home() const noexcept { return home_; }

    /// How a message fared. `refused`: the home would not be woken; the message was taken back. `closed`: the last message was
    /// sent before. `gone`: there is no home any more.
    enum class sent : unsigned char { on_its_way, refused, closed, gone };
    enum class at_refusal : unsigned char { rethrow, say_so };

    /// Sends a message. However it fares, it is not the caller's any more.
    /// Throws what `post` threw when the home refuses, unless that is only to be said; else only what a handler throws that an
    /// inline home runs within its `post`.
    sent send(message& what, at_refusal then = at_refusal::rethrow) {
        platform::step("report");
        const auto became = mailbox_.send(what);
        return became == mailbox<>::sent::queued ? sent::on_its_way : send_on(what, became, then);
    }

  protected:
    explicit homebound_mailbox(any_synchronization_context&& home) noexcept : home_(std::move(home)) {}
    ~homebound_mailbox() = default;

    /// Sends the last message, once; then tells the home that the operation has ended. Lets out what `send` does.
    void send_last() {
        platform::step("send the outcome home");
        const auto result = mailbox_.close(last_);
        if (result == mailbox<>::sent::queued)
            return; // the reader tells the home: see `notify_when_queued`
        const intrusive_ptr<homebound_mailbox> alive{this}; // a handler may destroy the caller's handle
        struct notify_at_end {                              // also when an exception passes through
            const homebound_mailbox& self;
            ~notify_at_end() { eap::operation_completed(self.home_); }
        };
        const notify_at_end notify{*this};
        if (result == mailbox<>::sent::gone)
            give_up(undelivered_reason::context_gone);
        else
            bring_last_home();
    }

    /// The drain, at home: handles messages until there are none, or it is somebody else's turn.
    void read() {
        const intrusive_ptr<homebound_mailbox> drain{this, adopt_reference};
        std::optional<scoped_context> here; // a foreign context does not say where its functions run: we do
        if (!scoped_context::is_set())
            here.emplace(home_);
        const bool is_inline = posting::is_posting(*this); // then a drain posted from here would only nest
        std::exception_ptr error;
        for (int handled = 0;; ++handled) {
            platform::step("read a mailbox");
            auto* const first = static_cast<message*>(mailbox_.take());
            if (first == nullptr) {
                if (mailbox_.release())
                    break;
                continue;
            }
            if ((handled >= batch || error != nullptr) && !is_inline) {
                mailbox_.untake(*first); // what is left goes behind other work of the home
                if (hand_on(error))
                    break;
                static_cast<void>(mailbox_.take()); // refused: this is home, so go on here
                handled = 0;
            }
            const bool is_last = first == &last_;
            try {
                if (is_last)
                    end();
                else
                    first->deliver(*this);
            } catch (...) {
                keep_first(error);
            }
            if (is_last)
                break;
        }
        if (error != nullptr)
            std::rethrow_exception(error);
    }

    /// Whether something is to be called when the last message comes home.
    virtual bool has_handler_for_last() const noexcept = 0;

  private:
    static constexpr int batch = 64; // messages in one go, before other work of the home gets its turn

    // ---- what the reader tells ----

    /// The last message has come home, and nothing else is left.
    virtual void end_at_home() = 0;
    /// The last message was sent, and there is no way to bring it home.
    virtual void end_without_home(undelivered_reason reason) noexcept = 0;
    /// There is no home any more, and the last message has not been sent yet.
    virtual void home_was_lost() noexcept = 0;
    /// A thread can throw one exception: it is the first.
    static void keep_first(std::exception_ptr& error) noexcept {
        if (error == nullptr)
            error = std::current_exception();
    }

    void end() {
        notify_when_queued();
        end_at_home();
    }

    /// A last message that found a reader relies on a drain that another thread may still be posting. A home that heard
    /// of the end before it had that drain could stop running: so the reader says it.
    void notify_when_queued() noexcept {
        if (mailbox_.last_was_queued())
            eap::operation_completed(home_);
    }

    // ---- the reader, on the thread that sends ----

    /// Posts a drain. Accepted: the right to read goes with it. Otherwise it is still the caller's.
    post_outcome post_drain() {
        add_reference(); // the drain's
        post_outcome result = post_target(home_, *this);
        if (result.became != post_outcome::kind::accepted)
            release_reference(); // never the last: the caller holds one
        return result;
    }

    /// A home that says so, or destroys what it accepted, will not take anything any more.
    static bool is_gone(const post_outcome& result) noexcept {
        if (result.became == post_outcome::kind::dropped)
            return true;
        try {
            std::rethrow_exception(result.refusal);
        } catch (const context_closed&) {
            return true;
        } catch (...) {
            return false;
        }
    }

    EAP_SELDOM sent send_on(message& what, mailbox<>::sent became, at_refusal then) {
        if (became == mailbox<>::sent::must_post)
            return bring_home(what, then);
        what.discard();
        return became == mailbox<>::sent::closed ? sent::closed : sent::gone;
    }

    sent bring_home(message& what, at_refusal then) {
        const intrusive_ptr<homebound_mailbox> alive{this}; // a handler may destroy the caller's handle
        const post_outcome result = post_drain();
        if (result.became == post_outcome::kind::accepted)
            return sent::on_its_way;
        if (is_gone(result)) {
            home_is_gone();
            return sent::gone;
        }
        take_back_if([&what](const message& each) { return &each == &what; });
        stop_reading();
        if (then == at_refusal::rethrow)
            std::rethrow_exception(result.refusal);
        return sent::refused;
    }

    /// The home would not be woken. What others have sent meanwhile, trusting in this reader, gets another try.
    void stop_reading() {
        while (mailbox_.has_taken() || !mailbox_.release()) {
            const post_outcome again = post_drain();
            if (again.became == post_outcome::kind::accepted)
                return;
            if (is_gone(again)) {
                home_is_gone();
                return;
            }
            if (mailbox_.is_closed()) {
                give_up(undelivered_reason::post_failed);
                return;
            }
            take_back_if([](const message& each) { return !each.can_wait(); });
            if (mailbox_.release())
                return; // they come home with the next message that the home takes
        }
    }

    template <class Match> void take_back_if(Match matches) noexcept {
        mailbox_node* removed = mailbox_.remove_if(
            [&](const mailbox_node& each) { return matches(static_cast<const message&>(each)); });
        while (removed != nullptr)
            static_cast<message*>(std::exchange(removed, removed->next))->take_back();
    }

    void bring_last_home() {
        if (!has_handler_for_last() && only_last_is_left()) {
            end(); // nothing to call: the home need not be bothered
            return;
        }
        const post_outcome drain = post_drain();
        if (drain.became != post_outcome::kind::accepted)
            give_up(is_gone(drain) ? undelivered_reason::context_gone : undelivered_reason::post_failed);
    }

    bool only_last_is_left() noexcept {
        mailbox_node* const first = mailbox_.take();
        if (first == &last_)
            return true;
        mailbox_.untake(*first);
        return false;
    }

    /// True when another drain has the right to read now. What a handler throws in it, run within `post`, becomes the
    /// error when it is the first.
    bool hand_on(std::exception_ptr& error) {
        try {
            return post_drain().became == post_outcome::kind::accepted;
        } catch (...) {
            keep_first(error);
            return true;
        }
    }

    // ---- the reader, without a home ----

    /// On any thread: the home destroyed a drain that it had accepted. The drain was the reader.
    void dropped() noexcept final {
        const intrusive_ptr<homebound_mailbox> drain{this, adopt_reference};
        home_is_gone();
    }

    /// Messages are refused from now on. A last one that has been sent ends here, a later one with whoever sends it.
    void home_is_gone() noexcept {
        const auto remains = mailbox_.place_is_gone();
        discard(remains.messages);
        if (remains.has_last)
            give_up(undelivered_reason::context_gone);
        else
            home_was_lost();
    }

    /// The last message is in hand, and there is no way to bring it home.
    void give_up(undelivered_reason reason) noexcept {
        while (mailbox_node* const first = mailbox_.take())
            static_cast<message*>(first)->discard();
        notify_when_queued();
        end_without_home(reason);
    }

    static void discard(mailbox_node* list) noexcept {
        while (list != nullptr)
            static_cast<message*>(std::exchange(list, list->next))->discard();
    }

    class last_message final : public message { // the reader knows it by its address
        void deliver(homebound_mailbox&) override {}
        void discard() noexcept override {}
    };

    mailbox<> mailbox_;
    last_message last_;
    const any_synchronization_context home_;
};

} // namespace eap::detail

#endif
