// SPDX-License-Identifier: BSL-1.0
//
// Layer 4 – which task ids are taken, and by how many operations.
#ifndef EAP_TASK_ID_TABLE_HPP
#define EAP_TASK_ID_TABLE_HPP

#include "eap/operation_state.hpp"
#include "eap/user_state.hpp"

#include <cstddef>
#include <unordered_map>
#include <utility>

namespace eap::detail {

/// Whether a task id may be that of several pending operations.
enum class task_ids : unsigned char { unique, shared };

/// The ids of the operations in a list. Each member costs the same, however many share an id.
///
/// Invariant     an id has an entry exactly while it is reserved or has operations; `is_under_its_id` says of an operation
///               that it is counted there.
/// Thread safety none: the list's mutex guards it. What comes out of the table is freed by the caller, after the lock.
/// Errors        What comparing or hashing an id throws leaves `reserve` and `find`; in the others it ends the program.
class task_id_table {
  public:
    struct entry {
        operation_state* only = nullptr; // null when there are several, or one that is not known any more
        std::size_t operations = 0;
        std::size_t reservations = 0;
    };
    using removed = std::unordered_map<eap::user_state, entry>::node_type;

    /// Null when the id is taken, and may not be shared. The entry stays where it is until it is removed.
    entry* reserve(const eap::user_state& id, task_ids ids) {
        const auto [at, is_new] = entries_.try_emplace(id);
        if (!is_new && ids == task_ids::unique)
            return nullptr;
        ++at->second.reservations;
        return &at->second;
    }
    [[nodiscard]] removed give_back(entry& reserved, const eap::user_state& id) noexcept {
        --reserved.reservations;
        return remove_if_unused(entries_.find(id));
    }
    void fill(entry& reserved, operation_state& with) noexcept {
        --reserved.reservations;
        reserved.only = reserved.operations++ == 0 ? &with : nullptr;
        with.is_under_its_id = true;
    }
    /// Nothing when it has been done.
    [[nodiscard]] removed release(operation_state& which) noexcept {
        if (!std::exchange(which.is_under_its_id, false))
            return {};
        const auto at = entries_.find(which.user_state());
        --at->second.operations;
        at->second.only = nullptr;
        return remove_if_unused(at);
    }

    /// Null when nobody has taken the id.
    const entry* find(const eap::user_state& id) const {
        const auto at = entries_.find(id);
        return at != entries_.end() ? &at->second : nullptr;
    }

  private:
    using table = std::unordered_map<eap::user_state, entry>;

    removed remove_if_unused(table::iterator at) noexcept {
        const bool is_used = at->second.operations + at->second.reservations != 0;
        return is_used ? removed{} : entries_.extract(table::const_iterator{at});
    }

    table entries_; // its elements stay where they are
};

} // namespace eap::detail

#endif
