// SPDX-License-Identifier: BSL-1.0
//
// Threads that go in, and threads that close, in every execution.
#include "eap/detail/gate.hpp"

#include "explored/explored.hpp"

#include <cstddef>
#include <optional>

namespace {

using explored_gate = eap::detail::gate<tests::explored_sync>;

} // namespace

/// The original is a thread_local variable, and all explored threads are one thread.
template <> class eap::detail::inside<explored_gate> {
  public:
    explicit inside(const explored_gate* what) noexcept : what_(what), outer_(tests::word_of_this_thread()) {
        tests::word_of_this_thread() = this;
    }
    inside(const inside&) = delete;
    inside& operator=(const inside&) = delete;
    ~inside() { tests::word_of_this_thread() = outer_; }

    static bool of(const explored_gate* what) noexcept { return times(what) != 0; }
    static std::size_t times(const explored_gate* what) noexcept {
        std::size_t count = 0;
        for (void* frame = tests::word_of_this_thread(); frame != nullptr;
             frame = static_cast<const inside*>(frame)->outer_)
            count += static_cast<const inside*>(frame)->what_ == what ? 1 : 0;
        return count;
    }

  private:
    const explored_gate* what_;
    void* outer_;
};

namespace {

using tests::expect;
using tests::plain;
using tests::run_threads;
using entry = explored_gate::entry;

} // namespace

TEST_CASE("of two that go in and one that closes, nobody is inside once it is closed", "[explored][gate]") {
    tests::explore_all([] {
        explored_gate g;
        plain<int> behind{1};
        plain<int> marks[2] = {0, 0};
        const auto go_in = [&](int me) {
            const entry in{g};
            if (!in)
                return;
            expect(behind == 1, "it has ended, and somebody is inside");
            marks[me] = 1;
        };
        run_threads([&] { go_in(0); }, [&] { go_in(1); },
                    [&] {
                        expect(g.close(), "it was not inside");
                        behind = 0;
                        marks[0] = 2; // and all that was done inside is known
                        marks[1] = 2;
                    });
        expect(g.is_closed() && !g.try_enter(), "it is open again");
    });
}

TEST_CASE("each of two that close waits for who is inside", "[explored][gate]") {
    tests::explore_all([] {
        explored_gate g;
        plain<int> inside{0};
        const auto close = [&] {
            g.close();
            static_cast<void>(static_cast<int>(inside)); // nobody writes it any more
        };
        run_threads(
            [&] {
                const entry in{g};
                if (in)
                    ++inside;
            },
            close, close);
    });
}

TEST_CASE("whoever is refused sees what was done before it was closed", "[explored][gate]") {
    tests::explore_all([] {
        explored_gate g;
        plain<int> why{0};
        const auto go_in = [&] {
            if (g.try_enter())
                g.leave();
            else
                expect(why == 1, "refused without a reason");
        };
        run_threads(
            [&] {
                why = 1;
                g.close();
            },
            go_in,
            [&] {
                if (g.is_closed())
                    expect(why == 1, "closed without a reason");
                go_in();
            });
    });
}

TEST_CASE("of two that close from inside neither waits, and the last one to leave is told so, alone",
          "[explored][gate]") {
    tests::explore_all(
        [] {
            explored_gate g;
            plain<int> handler{1};
            plain<int> destroyed{0};
            const auto call = [&](bool closes) {
                entry in{g};
                if (!in)
                    return;
                expect(handler == 1, "called after its end");
                if (closes)
                    expect(!g.close(), "closing from inside waits");
                if (in.leave()) {
                    handler = 0;
                    ++destroyed;
                }
            };
            run_threads([&] { call(true); }, [&] { call(true); }, [&] { call(false); });
            expect(destroyed == 1, "the last one to leave is not told so, or two are");
        },
        4);
}

TEST_CASE("of one that shuts without waiting, and two inside, one finds that nobody is inside any more",
          "[explored][gate]") {
    tests::explore_all([] {
        explored_gate g;
        plain<int> handler{1};
        plain<int> destroyed{0};
        const auto destroy = [&] {
            handler = 0;
            ++destroyed;
        };
        const auto call = [&] {
            entry in{g};
            if (in)
                expect(handler == 1, "called after its end");
            if (in.leave())
                destroy();
        };
        run_threads(call, call, [&] {
            if (g.shut())
                destroy();
        });
        expect(destroyed == 1, "nobody finds it empty, or two do");
    });
}

TEST_CASE("whoever closes for good from inside waits for all others, not for itself", "[explored][gate]") {
    tests::explore_all(
        [] {
            explored_gate g;
            plain<int> object{1};
            plain<int> last{0};
            const auto call = [&] {
                entry in{g};
                if (!in)
                    return;
                expect(object == 1, "called after its end");
                if (in.leave())
                    ++last;
            };
            run_threads(
                [&] {
                    entry outer{g};
                    entry inner{g};
                    g.close_for_good();
                    object = 0;
                    expect(!inner || !inner.leave(), "the inner one is not the last");
                    if (outer)
                        expect(outer.leave(), "the outer one is the last");
                },
                call, call);
            expect(g.is_closed(), "it is open again");
        },
        3);
}

TEST_CASE("whoever closes for good from outside waits for all who are inside", "[explored][gate]") {
    tests::explore_all([] {
        explored_gate g;
        plain<int> object{1};
        const auto call = [&] {
            const entry in{g};
            if (in)
                expect(object == 1, "called after its end");
        };
        run_threads(call, call, [&] {
            g.close_for_good();
            object = 0;
        });
    });
}
