// SPDX-License-Identifier: BSL-1.0
#include <eap/operation_block.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/client.hpp"
#include "support/contexts.hpp"

#include <eap/async_operation.hpp>
#include <eap/operation_manager.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using tests::lines;

namespace {

struct unmakeable : std::runtime_error {
    unmakeable() : std::runtime_error{"this value could not be made"} {}
};

struct alignas(64) over_aligned {
    int value = 0;
};
bool is_aligned(const over_aligned& object) {
    return reinterpret_cast<std::uintptr_t>(&object) % alignof(over_aligned) == 0;
}

struct immovable {
    immovable(int a, int b) : sum(a + b) {}
    immovable(const immovable&) = delete;
    immovable& operator=(const immovable&) = delete;
    int sum;
};

struct without_default {
    explicit without_default(int v) : value(v) {}
    int value;
};

/// Moves and copies `left` times, then throws.
class moves_so_often {
  public:
    explicit moves_so_often(int left) : left_(std::make_shared<int>(left)) {}
    moves_so_often(const moves_so_often& other) : left_(other.left_) {
        if ((*left_)-- <= 0)
            throw unmakeable{};
    }
    moves_so_often& operator=(const moves_so_often&) = default;

  private:
    std::shared_ptr<int> left_;
};

using mebibyte = std::array<unsigned char, std::size_t{1} << 20U>;

/// Completes one operation with `values...` and shows the client's handler the result.
template <class T, class Look, class... V> void bring_home(Look look, V&&... values) {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    bool seen = false;
    auto operation = manager.create_operation<T>({}, [&](eap::completed_event_args<T>&& args) {
        seen = true;
        look(std::move(args));
    });
    CHECK(operation.complete(std::forward<V>(values)...));
    queue.run_all();
    CHECK(seen);
}

/// Reports one value and shows it to the client's handler.
template <class P, class Look, class... V>
void report_home(eap::progress_delivery delivery, Look look, V&&... value) {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    bool seen = false;
    auto operation = manager.create_operation<void, P>(
        {}, [](const eap::completed_event_args<>&) {},
        [&](const eap::progress_changed_event_args<P>& args) {
            seen = true;
            look(args);
        },
        {.progress = delivery});
    CHECK(operation.report_progress(50, std::forward<V>(value)...));
    operation.complete();
    queue.run_all();
    CHECK(seen);
}
const auto deliveries = {eap::progress_delivery::every(), eap::progress_delivery::latest(),
                         eap::progress_delivery::at_most_every(std::chrono::hours{1})};

} // namespace

// ---- values ----

TEST_CASE("an operation whose handler holds a pointer takes no more than 256 bytes", "[operation_block]") {
    const auto handler = [p = std::unique_ptr<int>{}](const eap::completed_event_args<long>&) {
        static_cast<void>(p);
    };
    using block = eap::detail::operation_block<long, void, std::remove_const_t<decltype(handler)>,
                                               eap::ignore_progress>;
    CHECK(sizeof(block) <= 32 * sizeof(void*)); // four steps of detail/block_memory.hpp
}

TEST_CASE("an operation ends with nothing", "[operation_block]") {
    bring_home<void>([](auto&& args) { CHECK_NOTHROW(args.result()); });
}

TEST_CASE("an operation ends with a plain value", "[operation_block]") {
    bring_home<int>([](auto&& args) { CHECK(args.result() == 7); }, 7);
}

TEST_CASE("an operation ends with a value made from another type", "[operation_block]") {
    bring_home<std::string>([](auto&& args) { CHECK(args.result() == "text"); }, "text");
}

TEST_CASE("an operation ends with a value made from several arguments", "[operation_block]") {
    bring_home<std::string>([](auto&& args) { CHECK(args.result() == "xxx"); }, 3U, 'x');
}

TEST_CASE("an operation ends with a default value", "[operation_block]") {
    bring_home<std::vector<int>>([](auto&& args) { CHECK(args.result().empty()); });
}

TEST_CASE("an operation ends with a value in braces", "[operation_block]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    std::pair<int, int> got;
    auto operation = manager.create_operation<std::pair<int, int>>(
        {}, [&](const eap::completed_event_args<std::pair<int, int>>& args) { got = args.result(); });
    operation.complete({1, 2});
    queue.run_all();

    CHECK(got == std::pair{1, 2});
}

TEST_CASE("an operation ends with a value that can only be moved, and the client takes it",
          "[operation_block]") {
    std::unique_ptr<int> taken;
    bring_home<std::unique_ptr<int>>([&](auto&& args) { taken = std::move(args).result(); },
                                     std::make_unique<int>(7));
    REQUIRE(taken != nullptr);
    CHECK(*taken == 7);
}

TEST_CASE("an operation ends with a value that can not even be moved", "[operation_block]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    int got = 0;
    auto operation = manager.create_operation<immovable>(
        {}, [&](const eap::completed_event_args<immovable>& args) { got = args.result().sum; });
    operation.complete(3, 4);
    queue.run_all();

    CHECK(got == 7);
}

TEST_CASE("an operation ends with a value without a default", "[operation_block]") {
    bring_home<without_default>([](auto&& args) { CHECK(args.result().value == 7); }, 7);
}

TEST_CASE("an operation ends with a reference, to the very object", "[operation_block]") {
    int object = 7;
    bring_home<int&>([&](auto&& args) { CHECK(&args.result() == &object); }, object);
    const std::string text = "text";
    bring_home<const std::string&>([&](auto&& args) { CHECK(&args.result() == &text); }, text);
}

TEST_CASE("an operation ends with an over-aligned value, which stays aligned", "[operation_block]") {
    bring_home<over_aligned>(
        [](const eap::completed_event_args<over_aligned>& args) {
            CHECK(args.result().value == 7);
            CHECK(is_aligned(args.result()));
        },
        over_aligned{7});
}

TEST_CASE("handlers that hold over-aligned objects keep them aligned", "[operation_block]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    bool aligned = false;
    auto operation = manager.create_operation<>(
        {}, [&, held = over_aligned{7}](const eap::completed_event_args<>&) { aligned = is_aligned(held); });
    operation.complete();
    queue.run_all();

    CHECK(aligned);
}

TEST_CASE("an operation ends with a mebibyte", "[operation_block]") {
    const auto large = std::make_unique<mebibyte>();
    large->back() = 7;
    bring_home<mebibyte>(
        [](const eap::completed_event_args<mebibyte>& args) { CHECK(args.result().back() == 7); }, *large);
}

TEST_CASE("an operation ends with a constant value", "[operation_block]") {
    bring_home<const int>([](auto&& args) { CHECK(args.result() == 7); }, 7);
}

TEST_CASE("a value is moved once on its way to a handler that takes it by reference", "[operation_block]") {
    bring_home<moves_so_often>([](auto&& args) { CHECK_NOTHROW(args.result()); }, moves_so_often{1});
}

// ---- values that resist ----

TEST_CASE("what the constructor of the value throws inside complete becomes the outcome",
          "[operation_block]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start<moves_so_often>();
    CHECK(operation.complete(moves_so_often{0}));
    CHECK(operation.completed());
    queue.run_all();

    CHECK(client.log.all() == lines{"error: this value could not be made"});
}

TEST_CASE("the exception of the value's constructor keeps its type", "[operation_block]") {
    bring_home<moves_so_often>(
        [](auto&& args) {
            CHECK_THROWS_AS(args.result(), unmakeable);
            CHECK_FALSE(args.cancelled());
        },
        moves_so_often{0});
}

TEST_CASE("an operation whose value could not be made is completed: the worker may not try again",
          "[operation_block][OP-9]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start<moves_so_often>();
    operation.complete(moves_so_often{0});

    CHECK_THROWS_AS(operation.complete(moves_so_often{9}), eap::invalid_operation);
    queue.run_all();
    CHECK(client.log.all() == lines{"error: this value could not be made"});
}

TEST_CASE("a value that throws when it is moved into a handler that takes it by value: the home hears of it",
          "[operation_block][G11]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    bool ran = false;
    auto operation = manager.create_operation<moves_so_often>(
        "id", [&](eap::completed_event_args<moves_so_often>) { ran = true; });
    operation.complete(moves_so_often{1}); // one move into the operation, none is left
    CHECK_THROWS_AS(queue.run_all(), unmakeable);

    CHECK_FALSE(ran);
    CHECK(manager.pending() == 0);
}

TEST_CASE("a report whose value can not be made throws, and the operation stays usable",
          "[operation_block]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    int reports = 0;
    auto operation = manager.create_operation<void, moves_so_often>(
        {}, [](const eap::completed_event_args<>&) {},
        [&](const eap::progress_changed_event_args<moves_so_often>&) { ++reports; });

    CHECK_THROWS_AS(operation.report_progress(1, moves_so_often{0}), unmakeable);
    CHECK_FALSE(operation.completed());
    CHECK(operation.report_progress(2, moves_so_often{9}));
    CHECK(operation.complete());
    queue.run_all();
    CHECK(reports == 1);
}

TEST_CASE("a function that can not be stored leaves post, and the operation stays usable",
          "[operation_block]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    const auto function = [held = moves_so_often{0}] {};

    CHECK_THROWS_AS(operation.post(function), unmakeable);
    operation.complete();
    queue.run_all();
    CHECK(client.log.all() == lines{"value"});
}

// ---- progress values ----

TEST_CASE("a report carries a plain value", "[operation_block]") {
    for (const auto delivery : deliveries)
        report_home<int>(delivery, [](const auto& args) { CHECK(args.value() == 7); }, 7);
}

TEST_CASE("a report carries a value made from another type", "[operation_block]") {
    for (const auto delivery : deliveries)
        report_home<std::string>(delivery, [](const auto& args) { CHECK(args.value() == "text"); }, "text");
}

TEST_CASE("a report carries a value that can only be moved", "[operation_block]") {
    for (const auto delivery : deliveries)
        report_home<std::unique_ptr<int>>(
            delivery, [](const auto& args) { CHECK(*args.value() == 7); }, std::make_unique<int>(7));
}

TEST_CASE("a report carries a reference, to the very object", "[operation_block]") {
    const std::string object = "text";
    for (const auto delivery : deliveries)
        report_home<const std::string&>(
            delivery, [&](const auto& args) { CHECK(&args.value() == &object); }, object);
}

TEST_CASE("a report carries an over-aligned value, which stays aligned", "[operation_block]") {
    for (const auto delivery : deliveries)
        report_home<over_aligned>(
            delivery, [](const auto& args) { CHECK(is_aligned(args.value())); }, over_aligned{7});
}

TEST_CASE("a report carries a mebibyte", "[operation_block]") {
    const auto large = std::make_unique<mebibyte>();
    large->back() = 7;
    for (const auto delivery : deliveries)
        report_home<mebibyte>(delivery, [](const auto& args) { CHECK(args.value().back() == 7); }, *large);
}

// ---- handlers ----

TEST_CASE("a completed handler takes its args by value, by && or by const&", "[operation_block]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    std::vector<int> got;
    using args_type = eap::completed_event_args<std::unique_ptr<int>>;
    manager
        .create_operation<std::unique_ptr<int>>(
            {}, [&](args_type args) { got.push_back(*std::move(args).result()); })
        .complete(std::make_unique<int>(1));
    manager
        .create_operation<std::unique_ptr<int>>(
            {}, [&](args_type&& args) { got.push_back(*std::move(args).result()); })
        .complete(std::make_unique<int>(2));
    manager
        .create_operation<std::unique_ptr<int>>({},
                                                [&](const args_type& args) { got.push_back(*args.result()); })
        .complete(std::make_unique<int>(3));
    queue.run_all();

    CHECK(got == std::vector{1, 2, 3});
}

TEST_CASE("handlers may be move-only, and may change what they hold", "[operation_block]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    int got = 0;
    auto operation = manager.create_operation<>(
        {},
        [&, owned = std::make_unique<int>(7)](const eap::completed_event_args<>&) mutable {
            got += *std::exchange(owned, nullptr);
        },
        [&, count = 0](const eap::progress_changed_event_args<>&) mutable { got += 10 * ++count; });
    operation.report_progress(1);
    operation.report_progress(2);
    operation.complete();
    queue.run_all();

    CHECK(got == 37);
}

namespace {
int completions_told_to_a_plain_function = 0;
void plain_completed(const eap::completed_event_args<>&) { ++completions_told_to_a_plain_function; }
} // namespace

TEST_CASE("a handler may be a plain function", "[operation_block]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    completions_told_to_a_plain_function = 0;
    manager.create_operation<>({}, plain_completed).complete();
    manager.create_operation<>({}, &plain_completed).complete();
    queue.run_all();

    CHECK(completions_told_to_a_plain_function == 2);
}

TEST_CASE("an empty completed handler is refused by name, and creates nothing", "[operation_block]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    using handler = std::function<void(const eap::completed_event_args<>&)>;

    CHECK_THAT(tests::message_of<std::invalid_argument>(
                   [&] { static_cast<void>(manager.create_operation<>("id", handler{})); }),
               Catch::Matchers::Matches(".*completed handler.*empty function.*can be called.*"));
    CHECK(manager.pending() == 0);
    CHECK_FALSE(manager.is_pending("id"));
}

TEST_CASE("an empty progress handler is refused by name, and creates nothing", "[operation_block]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    using handler = std::function<void(const eap::progress_changed_event_args<>&)>;

    CHECK_THAT(tests::message_of<std::invalid_argument>([&] {
                   static_cast<void>(manager.create_operation<>(
                       "id", [](const eap::completed_event_args<>&) {}, handler{}));
               }),
               Catch::Matchers::Matches(".*progress handler.*empty function.*can be called.*"));
    CHECK(manager.pending() == 0);
    CHECK_FALSE(manager.is_pending("id"));
}

TEST_CASE("without a progress handler, reports are taken and go nowhere", "[operation_block]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    bool completed = false;
    auto operation = manager.create_operation<void, std::string>(
        {}, [&](const eap::completed_event_args<>&) { completed = true; });
    CHECK(operation.report_progress(1, "nobody listens"));
    operation.complete();
    queue.run_all();

    CHECK(completed);
}
