// Rows of a table that wait until somebody needs them: see nn/lazy_adam.h for the method and its formulas.
//
// How a row moves depends on its last step alone: a first kernel finds, in double precision, the motions from every
// step that rows can wait since (one warp each), and for each row of the list which of them is its own. A second one
// moves elements. `last` is read by the first and written by the second, so that no thread sees a row half done.
#include <cmath>

#include "cuda/block.h"
#include "cuda/by_key.h"
#include "cuda/flush.h"
#include "cuda/grid.h"
#include "tensor/lazy_adam_quadrature.h"

namespace roux::cuda {
namespace {

using Record = LazyAdamRecord;
using Constants = LazyAdamConstants;

constexpr int64_t slot_mask = lazy_adam_steps - 1;
static_assert((lazy_adam_steps & slot_mask) == 0);

/// The views of a table as pointers.
struct Table {
  float *w, *m, *v;
  const float* second;  // of which the root is taken: v or its maximum
  int32_t* last;
  double* settled_decay;
  const double* record;
  const double* constants;
  int64_t rows, dim, window;
  double eps;
  StepValue<int64_t> each_step;
  int64_t step = 0;  // known on the device alone: see now()

  Table(CudaBackend& backend, const LazyAdamTable& table)
      : w(table.w.as<float>()),
        m(table.m.as<float>()),
        v(table.v.as<float>()),
        second(table.max_v.data ? table.max_v.as<const float>() : table.v.as<const float>()),
        last(table.last.as<int32_t>()),
        settled_decay(table.settled_decay.as<double>()),
        record(table.record.as<const double>()),
        constants(table.constants.as<const double>()),
        rows(table.w.shape[0]),
        dim(table.w.shape[1]),
        window(table.window),
        eps(table.eps),
        each_step(backend.step_value(table.step)) {}

  /// The same at the present step.
  __device__ Table now() const {
    Table table = *this;
    table.step = each_step.get();
    return table;
  }
  /// The first step that a row which is not settled may wait since.
  __device__ int64_t oldest() const { return step < lazy_adam_steps ? 1 : step - slot_mask; }

  __device__ double recorded(int field, int64_t s) const { return record[field * lazy_adam_steps + (s & slot_mask)]; }
  __device__ double constant(int field, int64_t j) const { return constants[field * lazy_adam_steps + j]; }
  __device__ int64_t exact_terms_of(int64_t s) const {
    return static_cast<int64_t>(constant(Constants::exact_terms, s < slot_mask ? s : slot_mask));
  }
  /// The logarithm of what w of a row is multiplied by from step s to the present, and the factor.
  __device__ double log_decay_since(int64_t s) const {
    return recorded(Record::log_decay, step) - recorded(Record::log_decay, s);
  }
  __device__ double kept_since(int64_t s) const { return settled_decay ? std::exp(log_decay_since(s)) : 1; }
};

/// How a row moves: w -= decay * w + m * (the sum of terms + (a * r + b) / (u + c * r + d)), with u the second moment
/// and r its root; then m *= fade_m, v *= fade_v.
struct Motion {
  float decay = 0, fade_m = 1, fade_v = 1;
  float a = 0, b = 0, c = 0, d = 1;
  int32_t terms = 0;
};

/// A term of the sum that is taken as it is: weight / (r + offset).
struct Term {
  float weight, offset;
};

/// Which motion a row has: that from the step at place `motion` of the ring, or one of those below, which have no m.
struct Course {
  enum : int32_t { none = -1, current = -2, settled = -3 };
  int32_t motion;
  float decay, fade_v;  // of settled rows
};

/// What the kernels leave to each other.
struct Courses {
  Motion* motions;  // by step % lazy_adam_steps
  Term* terms;      // `window` for each motion
  Course* courses;  // by place in the list of rows
};

/// The first `count` steps after step s as terms, by the lanes of the warp; their moments are taken off `moments`.
__device__ void take_terms(const Table& table, int64_t s, int64_t count, Term* terms, double* moments) {
  double taken[4] = {};
  for (int64_t j = 1 + lane(); j <= count; j += warp_size) {
    const double d = table.recorded(Record::root, s + j) * table.constant(Constants::stretch, j);
    double p = table.recorded(Record::rate, s + j) * table.recorded(Record::root, s + j) *
               table.constant(Constants::share0, table.window - j) * table.kept_since(s + j);
    terms[j - 1] = {static_cast<float>(p), static_cast<float>(table.eps * d)};
    for (double& moment : taken) {
      moment += p;
      p *= d;
    }
  }
  const double all = moments[0];
  for (int i = 0; i < 4; ++i) moments[i] -= warp_reduce(taken[i], Sum{});
  // Of a rest that is nothing but rounding no quadrature can be made.
  const bool more = table.step - s > count && moments[0] > 1e-8 * all;
  if (!more) moments[0] = 0;
}

/// The motion of rows that wait since step s, by a warp.
__device__ void find_motion(const Table& table, int64_t s, const Courses& out) {
  const int64_t n = table.step - s;
  // The record's own moments do not change any more when the row has come to rest.
  const double factor = n > table.window ? table.kept_since(s + table.window) : 1;
  double moments[4];
  for (int i = 0; i < 4; ++i) moments[i] = factor * table.recorded(Record::moment0 + i, s);
  const int64_t exact = table.exact_terms_of(s), count = n < exact ? n : exact;
  if (count > 0) take_terms(table, s, count, out.terms + (s & slot_mask) * table.window, moments);
  if (lane() != 0) return;
  Motion motion;
  const LazyAdamQuadrature<double> quadrature(moments[0], moments[1], moments[2], moments[3], table.eps);
  motion.a = static_cast<float>(quadrature.a);
  motion.b = static_cast<float>(quadrature.b);
  motion.c = static_cast<float>(quadrature.c);
  motion.d = static_cast<float>(quadrature.d);
  if (table.settled_decay) motion.decay = static_cast<float>(-std::expm1(table.log_decay_since(s)));
  motion.fade_m = static_cast<float>(table.constant(Constants::power1, n));
  motion.fade_v = static_cast<float>(table.constant(Constants::power2, n));
  motion.terms = static_cast<int32_t>(count);
  out.motions[s & slot_mask] = motion;
}

enum class Purpose : uint8_t { commit, settle, read };

/// The rows that move: those of a list, or the part of the table that settling looks at in this step.
struct RowList {
  const int64_t* ids;
  int64_t count;  // at least as many as there are

  /// -1 where there is none.
  __device__ int64_t at(int64_t place, const Table& table) const {
    if (ids) return ids[place] < table.rows ? ids[place] : -1;
    const SettledPart part = settled_part(table.rows, table.window, table.step);
    return part.begin + place < part.end ? part.begin + place : -1;
  }
};

/// What a row has before it.
__device__ Course course_of(const Table& table, int64_t row, Purpose purpose) {
  if (row < 0) return {Course::none, 0, 1};
  const int64_t s = table.last[row];
  if (purpose == Purpose::settle && (s <= 0 || table.step - s <= table.window)) return {Course::none, 0, 1};
  if (s == table.step || (s == 0 && !table.settled_decay)) return {Course::current, 0, 1};
  if (s > 0) return {static_cast<int32_t>(s & slot_mask), 0, 1};
  Course course{Course::settled, 0, 1};
  if (s < 0) {
    const double beta2 = table.constant(Constants::power2, 1);
    course.fade_v = static_cast<float>(std::pow(beta2, static_cast<double>(table.step + s)));
  }
  if (table.settled_decay)
    course.decay =
        static_cast<float>(-std::expm1(table.recorded(Record::log_decay, table.step) - table.settled_decay[row]));
  return course;
}

// At most 1,023 warps of some 50 flops in double precision, more while the exact terms of early steps are needed, and
// 12 bytes a row read, 12 written: bound by latency.
__global__ void find_courses_kernel(Table given, RowList rows, Purpose purpose, Courses out) {
  const Table table = given.now();
  const int64_t warps = static_cast<int64_t>(gridDim.x) * blockDim.x / warp_size;
  const int64_t first = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / warp_size;
  for (int64_t s = table.oldest() + first; s < table.step; s += warps) find_motion(table, s, out);
  for_each_index(rows.count, [&](int64_t i) { out.courses[i] = course_of(table, rows.at(i, table), purpose); });
}

/// The elements of w, m, v and what the root is taken of.
struct Elements {
  float w, m, v, second;
};

__device__ Elements moved(Elements x, const Motion& by, const Term* terms) {
  const float r = std::sqrt(x.second);
  float sum = (by.a * r + by.b) / (x.second + by.c * r + by.d);
  for (int32_t j = 0; j < by.terms; ++j) sum += terms[j].weight / (r + terms[j].offset);
  return {x.w - x.w * by.decay - x.m * sum, without_denormals(x.m * by.fade_m), without_denormals(x.v * by.fade_v),
          x.second};
}

__device__ Motion motion_of(const Course& course, const Courses& courses, Purpose purpose) {
  Motion motion;
  if (course.motion >= 0) {
    motion = courses.motions[course.motion];
  } else if (course.motion == Course::settled) {
    motion.decay = course.decay;
    motion.fade_v = course.fade_v;
  }
  if (purpose == Purpose::settle) {
    motion.fade_m = 0;
    motion.fade_v = 1;
  }
  return motion;
}

/// What the table says of a row that has moved.
__device__ void enter_row(const Table& table, int64_t row, Purpose purpose) {
  if (purpose == Purpose::settle) {
    table.last[row] = -table.last[row];
    if (table.settled_decay) table.settled_decay[row] = table.recorded(Record::log_decay, table.step);
  } else {
    table.last[row] = static_cast<int32_t>(table.step);
  }
}

// commit: w, m and v read and written; read: three read and one written. 24 or 16 bytes and 12 flops an element, a root
// and a quotient among them: bound by memory.
template <Purpose purpose, int N>
__global__ void move_rows_kernel(Table given, RowList rows, Courses courses, float* out) {
  const Table table = given.now();
  const int64_t columns = table.dim / N;
  for_each_index(rows.count * columns, [&](int64_t i) {
    const int64_t place = i / columns, column = i % columns * N, row = rows.at(place, table);
    const int64_t at = row * table.dim + column;
    const Course course = courses.courses[place];
    if (course.motion == Course::none || course.motion == Course::current) {
      if (purpose != Purpose::read) return;
      const bool is_row = course.motion == Course::current;
      store_pack(out + place * table.dim + column, is_row ? load_pack<N>(table.w + at) : Pack<float, N>{});
      return;
    }
    const Motion motion = motion_of(course, courses, purpose);
    const Term* const terms = course.motion < 0 ? nullptr : courses.terms + course.motion * table.window;
    Pack<float, N> w = load_pack<N>(table.w + at), m = load_pack<N>(table.m + at), v = load_pack<N>(table.v + at);
    const Pack<float, N> second = table.second == table.v ? v : load_pack<N>(table.second + at);
    for (int e = 0; e < N; ++e) {
      const Elements x = moved({w.at[e], m.at[e], v.at[e], second.at[e]}, motion, terms);
      w.at[e] = x.w, m.at[e] = x.m, v.at[e] = x.v;
    }
    if constexpr (purpose == Purpose::read) {
      store_pack(out + place * table.dim + column, w);
    } else {
      store_pack(table.w + at, w);
      store_pack(table.m + at, m);
      store_pack(table.v + at, v);
      if (column == 0) enter_row(table, row, purpose);
    }
  });
}

template <Purpose purpose>
void move_rows(CudaBackend& backend, const LazyAdamTable& views, const RowList& rows, float* out) {
  const Table table(backend, views);
  if (rows.count == 0 || table.dim == 0) return;
  const Workspace<Motion> motions(backend, lazy_adam_steps);
  const Workspace<Term> terms(backend, lazy_adam_steps * table.window);
  const Workspace<Course> list(backend, rows.count);
  const Courses courses{motions.data(), terms.data(), list.data()};
  const dim3 block(block_threads);
  launch(find_courses_kernel, blocks_for(std::max(lazy_adam_steps * warp_size, rows.count)), block, backend.stream(),
         table, rows, purpose, courses);
  if (has_whole_packs<float>(table.dim, table.w, table.m, table.v, table.second, out))
    launch(move_rows_kernel<purpose, 4>, blocks_for(rows.count * (table.dim / 4)), block, backend.stream(), table, rows,
           courses, out);
  else
    launch(move_rows_kernel<purpose, 1>, blocks_for(rows.count * table.dim), block, backend.stream(), table, rows,
           courses, out);
}

RowList list_of(const View& rows) { return {rows.as<const int64_t>(), rows.numel()}; }

// ---- The record ----------------------------------------------------------------------------------------------------

/// What one step adds to the record.
struct Entry {
  int64_t step, window;
  double rate, root, keep, log_keep;

  Entry(int64_t number, int64_t window_, const AdamStep& adam)
      : step(number),
        window(window_),
        rate(adam.lr / adam.bias_correction1),
        root(std::sqrt(adam.bias_correction2)),
        keep(adam.decoupled ? 1 - adam.lr * adam.weight_decay : 1),
        log_keep(std::log(keep)) {}
};

// Rows are now of this step; the step's share goes to the moments of the steps before it. Few bytes: bound by latency.
__global__ void enter_step_kernel(double* record, const double* constants, StepValue<Entry> each_entry, int32_t* last,
                                  const int64_t* rows, int64_t count, int64_t table_rows) {
  const Entry entry = each_entry.get();
  const auto field = [=](int which, int64_t s) -> double& { return record[which * lazy_adam_steps + (s & slot_mask)]; };
  for_each_index(count > entry.window + 1 ? count : entry.window + 1, [&](int64_t i) {
    if (i < count && rows[i] >= 0 && rows[i] < table_rows) last[rows[i]] = static_cast<int32_t>(entry.step);
    const int64_t s = entry.step - i;
    if (i > entry.window || s < 1) return;
    double factor = entry.rate;
    for (int power = 0; power < 4; ++power) {
      factor *= entry.root;
      double& moment = field(Record::moment0 + power, s);
      if (i == 0)
        moment = 0;
      else
        moment =
            entry.keep * moment + factor * constants[(Constants::share0 + power) * lazy_adam_steps + entry.window - i];
    }
    if (i > 0) return;
    field(Record::rate, s) = entry.rate;
    field(Record::root, s) = entry.root;
    field(Record::log_decay, s) = field(Record::log_decay, s - 1) + entry.log_keep;
  });
}

}  // namespace

void CudaBackend::lazy_adam_commit(const LazyAdamTable& table, const View& rows) {
  move_rows<Purpose::commit>(*this, table, list_of(rows), nullptr);
}

void CudaBackend::lazy_adam_settle(const LazyAdamTable& table) {
  const int64_t parts = lazy_adam_steps - 1 - table.window, most = (table.w.shape[0] + parts - 1) / parts;
  move_rows<Purpose::settle>(*this, table, RowList{nullptr, most}, nullptr);
}

void CudaBackend::lazy_adam_read(const View& out, const LazyAdamTable& table, const View& rows) {
  move_rows<Purpose::read>(*this, table, list_of(rows), out.as<float>());
}

void CudaBackend::lazy_adam_step(const LazyAdamTable& table, const View& rows, const View& grad,
                                 const EachStep<AdamStep>& step) {
  // Two kernels take numbers of one step, which may be asked for only once.
  struct Asked {
    int64_t number;
    AdamStep adam;
  };
  const auto asked = std::make_shared<Asked>();
  const EachStep<AdamStep> ask = [asked, number = table.step, step] {
    asked->number = number() + 1;
    return asked->adam = step();
  };
  const EachStep<Entry> entry = [asked, window = table.window] { return Entry(asked->number, window, asked->adam); };
  adam_rows(table.w, rows, grad, table.m, table.v, table.max_v, ask, false);
  const int64_t count = rows.numel();
  launch(enter_step_kernel, blocks_for(std::max(count, table.window + 1)), dim3(block_threads), stream(),
         table.record.as<double>(), table.constants.as<const double>(), step_value(entry), table.last.as<int32_t>(),
         rows.as<const int64_t>(), count, table.w.shape[0]);
}

}  // namespace roux::cuda
