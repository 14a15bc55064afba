// SPDX-License-Identifier: BSL-1.0
#include <eap/detail/intrusive_ptr.hpp>

#include "support/catch.hpp"

#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using eap::detail::adopt_reference;
using eap::detail::intrusive_ptr;

struct counted : eap::detail::reference_counted<counted> {
    explicit counted(int& d) : destroyed(d) {}
    ~counted() { ++destroyed; }
    int& destroyed;
};

struct base {
    virtual void add_reference() const noexcept = 0;
    virtual void release_reference() const noexcept = 0;

  protected:
    ~base() = default;
};
struct derived final : base {
    explicit derived(int& r) : references(r) {}
    void add_reference() const noexcept override { ++references; }
    void release_reference() const noexcept override { --references; }
    int& references;
};

} // namespace

TEST_CASE("the last pointer destroys the object", "[intrusive_ptr]") {
    int destroyed = 0;
    {
        intrusive_ptr<counted> first{new counted{destroyed}, adopt_reference};
        {
            const intrusive_ptr<counted> second = first;
            CHECK(first == second);
            intrusive_ptr<counted> third{first.get()};
            first = std::move(third);
            CHECK_FALSE(third);
        }
        CHECK(destroyed == 0);
        const auto& same = first;
        first = same;
        CHECK(destroyed == 0);
        first = intrusive_ptr<counted>{};
        CHECK(destroyed == 1);
    }
    CHECK(destroyed == 1);
}

TEST_CASE("an empty pointer is false, and equal to another", "[intrusive_ptr]") {
    STATIC_REQUIRE(std::is_nothrow_copy_constructible_v<intrusive_ptr<counted>>);
    STATIC_REQUIRE(sizeof(intrusive_ptr<counted>) == sizeof(void*));
    const intrusive_ptr<counted> none;
    CHECK_FALSE(none);
    CHECK(none == intrusive_ptr<counted>{nullptr});
    CHECK(none.get() == nullptr);
}

TEST_CASE("a detached reference is the caller's", "[intrusive_ptr]") {
    int destroyed = 0;
    intrusive_ptr<counted> pointer{new counted{destroyed}, adopt_reference};
    counted* const detached = pointer.detach();
    CHECK_FALSE(pointer);
    CHECK(destroyed == 0);
    detached->release_reference();
    CHECK(destroyed == 1);
}

TEST_CASE("a pointer to a class becomes one to its base, with its reference", "[intrusive_ptr]") {
    int references = 1;
    derived object{references};
    {
        const intrusive_ptr<derived> as_derived{&object};
        CHECK(references == 2);
        intrusive_ptr<base> as_base = as_derived;
        CHECK(references == 3);
        as_base = intrusive_ptr<base>{intrusive_ptr<derived>{&object}};
        CHECK(references == 3);
    }
    CHECK(references == 1);
}

TEST_CASE("threads may copy and drop references at once", "[intrusive_ptr]") {
    int destroyed = 0;
    std::vector<std::thread> threads;
    {
        const intrusive_ptr<counted> shared{new counted{destroyed}, adopt_reference};
        for (int t = 0; t < 3; ++t)
            threads.emplace_back([shared] {
                for (int i = 0; i < 1000; ++i)
                    const intrusive_ptr<counted> copy = shared;
            });
    }
    for (auto& thread : threads)
        thread.join();
    threads.clear();
    CHECK(destroyed == 1);
}
