// The texts of what is wrong with indices.
#include "tensor/index_check.h"

#include "tensor/error.h"

namespace roux {

void fail_index(const IndexCheck& check, const IndexFinding& found) {
  const char* const operation = check.operation;
  switch (check.kind) {
    case IndexCheck::Kind::ids:
      ROUX_CHECK(check.bound > 0, operation, "index out of range: found ", found.value, " at position ", found.position,
                 ", but there is nothing to index");
      fail(operation, "index out of range: found ", found.value, " at position ", found.position, ", expected 0 to ",
           check.bound - 1);
    case IndexCheck::Kind::labels:
      fail(operation, "label out of range: found ", found.value, " in row ", found.position, ", expected 0 to ",
           check.bound - 1, ", or ", check.ignored, " for a row to ignore");
    case IndexCheck::Kind::offsets: break;
  }
  ROUX_CHECK(found.position > 0 || found.value == 0, operation, "offsets[0] must be 0, found ", found.value);
  ROUX_CHECK(found.value >= found.before, operation, "offsets must not fall: offsets[", found.position,
             "] = ", found.value, " comes after ", found.before);
  ROUX_CHECK(found.value <= check.bound, operation, "offsets[", found.position, "] is ", found.value,
             ", but there are only ", check.bound, " ids");
  fail(operation, "with include_last_offset the last offset is the number of ids: found ", found.value, ", expected ",
       check.bound);
}

}  // namespace roux
