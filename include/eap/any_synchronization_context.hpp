// SPDX-License-Identifier: BSL-1.0
//
// Layer 1 – some context, its type forgotten. Decides how a handle of any type is held, and nothing else.
#ifndef EAP_ANY_SYNCHRONIZATION_CONTEXT_HPP
#define EAP_ANY_SYNCHRONIZATION_CONTEXT_HPP

#include "eap/detail/function_target.hpp"
#include "eap/detail/posted.hpp"
#include "eap/detail/type_id.hpp"
#include "eap/errors.hpp"
#include "eap/synchronization_context.hpp"

#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

namespace eap {

/// A handle to some context. (.NET: a reference to a SynchronizationContext)
///
/// Guarantees    posting through it keeps the function's allocator; copying and moving allocate nothing and
///               do not throw; two are equal when they hold equal handles of one type, or both hold none.
/// Thread safety as the context it holds; the handle itself as any value.
/// Errors        Posting to an empty handle throws `invalid_operation`.
class any_synchronization_context {
  public:
    any_synchronization_context() noexcept {} // holds no context; not defaulted, so that it may be const

    template <class C>
        requires(!std::same_as<std::remove_cvref_t<C>, any_synchronization_context>) &&
                synchronization_context<std::remove_cvref_t<C>>
    any_synchronization_context(C&& context) // implicit: every context is some context
        : table_(&table_for<std::remove_cvref_t<C>>) {
        model<std::remove_cvref_t<C>>::construct(storage_, std::forward<C>(context));
    }
    any_synchronization_context(const any_synchronization_context& other) noexcept : table_(other.table_) {
        if (table_ != nullptr)
            table_->copy(storage_, other.storage_);
    }
    any_synchronization_context(any_synchronization_context&& other) noexcept
        : table_(std::exchange(other.table_, nullptr)) {
        if (table_ != nullptr)
            table_->relocate(storage_, other.storage_);
    }
    any_synchronization_context& operator=(any_synchronization_context other) noexcept {
        reset();
        table_ = std::exchange(other.table_, nullptr);
        if (table_ != nullptr)
            table_->relocate(storage_, other.storage_);
        return *this;
    }
    ~any_synchronization_context() { reset(); }

    bool has_value() const noexcept { return table_ != nullptr; }

    /// The context when it is a `C`, else null.
    template <class C> const C* target() const noexcept {
        return table_ != nullptr && table_->type() == detail::type_id::of<C>() ? &model<C>::get(storage_)
                                                                               : nullptr;
    }

    template <class F>
        requires std::invocable<std::decay_t<F>>
    void post(F&& function) const {
        const vtable& where = table(); // first: a refused function must not have been moved from
        if constexpr (std::same_as<F, detail::posted>)
            where.post(storage_, function.release_target());
        else
            where.post(
                storage_,
                detail::function_target<std::decay_t<F>>::make(std::forward<F>(function)).release_target());
    }
    template <std::invocable F> void send(F&& function) const {
        auto call = [&function] { std::forward<F>(function)(); };
        table().send(storage_, &call, [](void* f) { (*static_cast<decltype(call)*>(f))(); });
    }
    template <std::invocable F> bool try_run_here(F&& function) const {
        auto call = [&function] { std::forward<F>(function)(); };
        return table_ != nullptr &&
               table_->try_run_here(storage_, &call, [](void* f) { (*static_cast<decltype(call)*>(f))(); });
    }
    void operation_started() const { table().operation_started(storage_); }
    void operation_completed() const noexcept {
        if (table_ != nullptr)
            table_->operation_completed(storage_);
    }
    std::optional<bool> running_in_this_thread() const {
        return table_ != nullptr ? table_->running_in_this_thread(storage_) : std::nullopt;
    }
    /// See `synchronization_context`; none when there is no context.
    std::size_t nodes_per_post() const noexcept { return table_ != nullptr ? table_->nodes_per_post : 0; }
    /// Posts after `delay` by the context's own means. False, with `function` untouched, when it has none.
    bool try_post_after(std::chrono::nanoseconds delay, detail::posted& function) const {
        return table().try_post_after(storage_, delay, function);
    }

    bool operator==(const any_synchronization_context& other) const noexcept {
        if (table_ == nullptr || other.table_ == nullptr)
            return table_ == other.table_;
        return table_->type() == other.table_->type() && table_->equal(storage_, other.storage_);
    }

  private:
    struct alignas(void*) storage {
        std::byte bytes[2 * sizeof(void*)];
    };

    struct vtable {
        std::size_t nodes_per_post;
        detail::type_id (*type)() noexcept;
        void (*copy)(storage&, const storage&) noexcept;
        void (*relocate)(storage&, storage&) noexcept; // move there, destroy here
        void (*destroy)(storage&) noexcept;
        bool (*equal)(const storage&, const storage&) noexcept;
        void (*post)(const storage&, detail::closure_target&); // which is its own now
        void (*send)(const storage&, void*, void (*)(void*));
        bool (*try_run_here)(const storage&, void*, void (*)(void*));
        void (*operation_started)(const storage&);
        void (*operation_completed)(const storage&) noexcept;
        std::optional<bool> (*running_in_this_thread)(const storage&);
        bool (*try_post_after)(const storage&, std::chrono::nanoseconds, detail::posted&);
    };

    // A handle of two pointers is held in place, any other in a shared box: copies never allocate either way.
    template <class C> struct model {
        static constexpr bool in_place = sizeof(C) <= sizeof(storage) && alignof(C) <= alignof(storage) &&
                                         std::is_nothrow_copy_constructible_v<C> &&
                                         std::is_nothrow_move_constructible_v<C>;
        using held = std::conditional_t<in_place, C, std::shared_ptr<const C>>;

        static held& raw(storage& s) noexcept { return *std::launder(reinterpret_cast<held*>(s.bytes)); }
        static const held& raw(const storage& s) noexcept {
            return *std::launder(reinterpret_cast<const held*>(s.bytes));
        }
        static const C& get(const storage& s) noexcept {
            if constexpr (in_place)
                return raw(s);
            else
                return *raw(s);
        }
        template <class U> static void construct(storage& s, U&& context) {
            if constexpr (std::is_empty_v<C>)
                s = {}; // otherwise GCC 12 finds a handle without any state uninitialized
            if constexpr (in_place)
                ::new (static_cast<void*>(s.bytes)) held(std::forward<U>(context));
            else
                ::new (static_cast<void*>(s.bytes)) held(std::make_shared<const C>(std::forward<U>(context)));
        }
        static void copy(storage& to, const storage& from) noexcept {
            ::new (static_cast<void*>(to.bytes)) held(raw(from));
        }
        static void relocate(storage& to, storage& from) noexcept {
            ::new (static_cast<void*>(to.bytes)) held(std::move(raw(from)));
            destroy(from);
        }
        static void destroy(storage& s) noexcept { raw(s).~held(); }
        static bool equal(const storage& a, const storage& b) noexcept { return get(a) == get(b); }
        static void post(const storage& s, detail::closure_target& f) { get(s).post(detail::posted{f}); }
        static void send(const storage& s, void* f, void (*call)(void*)) {
            eap::send(get(s), [f, call] { call(f); });
        }
        static bool try_run_here(const storage& s, void* f, void (*call)(void*)) {
            return eap::try_run_here(get(s), [f, call] { call(f); });
        }
        static void operation_started(const storage& s) { eap::operation_started(get(s)); }
        static void operation_completed(const storage& s) noexcept { eap::operation_completed(get(s)); }
        static std::optional<bool> running_in_this_thread(const storage& s) {
            return eap::running_in_this_thread(get(s));
        }
        static bool try_post_after(const storage& s, std::chrono::nanoseconds delay, detail::posted& f) {
            if constexpr (requires { get(s).post_after(delay, std::move(f)); }) {
                get(s).post_after(delay, std::move(f));
                return true;
            } else {
                static_cast<void>(s), static_cast<void>(delay), static_cast<void>(f);
                return false;
            }
        }
    };

    template <class C> static constexpr vtable make_table() noexcept {
        using m = model<C>;
        return {detail::nodes_per_post<C>,
                &detail::type_id::of<C>,
                m::copy,
                m::relocate,
                m::destroy,
                m::equal,
                m::post,
                m::send,
                m::try_run_here,
                m::operation_started,
                m::operation_completed,
                m::running_in_this_thread,
                m::try_post_after};
    }
    template <class C> static constexpr vtable table_for = make_table<C>();

    const vtable& table() const {
        if (table_ == nullptr)
            throw invalid_operation{
                "eap: an empty any_synchronization_context names no place; give it a context "
                "before posting to it"};
        return *table_;
    }
    void reset() noexcept {
        if (table_ != nullptr)
            table_->destroy(storage_);
        table_ = nullptr;
    }

    const vtable* table_ = nullptr;
    storage storage_; // holds a context while table_ is not null
};

} // namespace eap

#endif
