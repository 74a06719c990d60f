// PCA by the eigenvectors of the smaller of two matrices: the covariance of the dimensions, or the products of points.
#include "text/projection/pca.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tensor/error.h"
#include "tensor/ops.h"

// LAPACK's, which OpenBLAS brings along: eigenvalues in ascending order and eigenvectors of a symmetric matrix, by
// divide and conquer. Declared here because not every system has lapacke.h beside cblas.h.
extern "C" void dsyevd_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w,
                        double* work, const int* lwork, int* iwork, const int* liwork, int* info);

namespace roux::text {
namespace {

// Rows in float64 at a time: a table of 400,000 words would otherwise be copied whole.
constexpr int64_t rows_per_block = 4096;

struct Eigen {
  std::vector<double> values;  // falling
  Tensor vectors;              // (count, n): row i belongs to value i
};

/// The `count` largest eigenvalues of `symmetric` (n, n), float64, with their eigenvectors.
Eigen largest_eigenvectors(const Tensor& symmetric, int64_t count) {
  const int n = static_cast<int>(symmetric.size(0));
  std::vector<double> matrix = symmetric.to_vector<double>(), values(static_cast<size_t>(n));
  double work_size = 0;
  int iwork_size = 0, info = 0;
  const int query = -1;
  dsyevd_("V", "L", &n, matrix.data(), &n, values.data(), &work_size, &query, &iwork_size, &query, &info);
  const int lwork = static_cast<int>(work_size), liwork = iwork_size;
  std::vector<double> work(static_cast<size_t>(lwork));
  std::vector<int> iwork(static_cast<size_t>(liwork));
  dsyevd_("V", "L", &n, matrix.data(), &n, values.data(), work.data(), &lwork, iwork.data(), &liwork, &info);
  ROUX_CHECK(info == 0, "fit_pca", "the eigenvectors did not converge (LAPACK's dsyevd: ", info, ")");

  Eigen result;
  result.vectors = Tensor::empty({count, n}, float64);
  double* out = result.vectors.mutable_data<double>();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t column = n - 1 - i;  // of a column-major matrix, ascending
    result.values.push_back(std::max(0.0, values[static_cast<size_t>(column)]));
    std::copy_n(matrix.data() + column * n, n, out + i * n);
  }
  return result;
}

/// Rows [begin, end) of x in float64, less the mean.
Tensor centred_rows(const Tensor& x, const Tensor& mean, int64_t begin, int64_t end) {
  return sub(x.slice(0, begin, end).to(float64), mean);
}

Tensor mean_of(const Tensor& x) {
  const int64_t n = x.size(0);
  Tensor total = Tensor::zeros({x.size(1)}, float64);
  for (int64_t begin = 0; begin < n; begin += rows_per_block) {
    total.add_(sum(x.slice(0, begin, begin + rows_per_block).to(float64), {0}));
  }
  return div(total, static_cast<double>(n));
}

/// Makes row i of `rows` (k, dim) a unit vector at right angles to the rows before it, for every row that is not: those
/// of directions without variance, which come out of the products of points as nothing.
void complete_orthonormal(Tensor& rows, const std::vector<bool>& good) {
  const int64_t count = rows.size(0), dim = rows.size(1);
  double* all = rows.mutable_data<double>();
  int64_t axis = 0;
  for (int64_t i = 0; i < count; ++i) {
    double* row = all + i * dim;
    while (!good[static_cast<size_t>(i)]) {
      ROUX_CHECK(axis < dim, "fit_pca", "no direction is left for component ", i);
      std::fill_n(row, dim, 0.0);
      row[axis++] = 1;
      // Twice, because one pass leaves the rounding of what it took away.
      for (int pass = 0; pass < 2; ++pass) {
        for (int64_t other = 0; other < count; ++other) {
          if (other >= i && !good[static_cast<size_t>(other)]) continue;
          double dot = 0;
          for (int64_t j = 0; j < dim; ++j) dot += row[j] * all[other * dim + j];
          for (int64_t j = 0; j < dim; ++j) row[j] -= dot * all[other * dim + j];
        }
      }
      double square = 0;
      for (int64_t j = 0; j < dim; ++j) square += row[j] * row[j];
      if (square < 1e-6) continue;  // This axis lies in what the others span.
      for (int64_t j = 0; j < dim; ++j) row[j] /= std::sqrt(square);
      break;
    }
  }
}

/// The loading that is largest in size becomes positive.
void fix_signs(Tensor& rows) {
  const int64_t dim = rows.size(1);
  double* row = rows.mutable_data<double>();
  for (int64_t i = 0; i < rows.size(0); ++i, row += dim) {
    const double* largest =
        std::max_element(row, row + dim, [](double a, double b) { return std::abs(a) < std::abs(b); });
    if (*largest >= 0) continue;
    for (int64_t j = 0; j < dim; ++j) row[j] = -row[j];
  }
}

/// From the covariance (dim, dim), for fewer dimensions than points.
Eigen from_covariance(const Tensor& x, const Tensor& mean, int64_t count) {
  const int64_t n = x.size(0);
  Tensor products = Tensor::zeros({x.size(1), x.size(1)}, float64);
  for (int64_t begin = 0; begin < n; begin += rows_per_block) {
    const Tensor rows = centred_rows(x, mean, begin, begin + rows_per_block);
    products.add_(matmul(rows.transpose(0, 1), rows));
  }
  return largest_eigenvectors(products, count);
}

/// From the products of points (n, n), for fewer points than dimensions: an eigenvector u of X X^T gives X^T u / |X^T
/// u|.
Eigen from_products(const Tensor& x, const Tensor& mean, int64_t count) {
  const Tensor rows = centred_rows(x, mean, 0, x.size(0));
  Eigen eigen = largest_eigenvectors(matmul(rows, rows.transpose(0, 1)), count);
  Tensor components = matmul(eigen.vectors, rows);
  const int64_t dim = x.size(1);
  double* row = components.mutable_data<double>();
  std::vector<bool> good;
  for (int64_t i = 0; i < count; ++i, row += dim) {
    const double value = eigen.values[static_cast<size_t>(i)];
    good.push_back(value > 1e-12 * eigen.values[0] && value > 0);
    for (int64_t j = 0; good.back() && j < dim; ++j) row[j] /= std::sqrt(value);
  }
  complete_orthonormal(components, good);
  eigen.vectors = components;
  return eigen;
}

}  // namespace

Tensor Pca::transform(const Tensor& x) const {
  ROUX_CHECK(components.defined(), "Pca::transform", "nothing was fitted (hint: fit_pca makes one)");
  ROUX_CHECK(x.dim() == 2 && x.size(1) == mean.size(0), "Pca::transform", "x must be (n, ", mean.size(0), "), found ",
             x.shape());
  ROUX_CHECK(x.dtype() == float32 || x.dtype() == float64, "Pca::transform", "x must be float32 or float64, found ",
             x.dtype());
  Tensor result = Tensor::empty({x.size(0), components.size(0)}, x.dtype());
  const Tensor columns = components.transpose(0, 1);
  for (int64_t begin = 0; begin < x.size(0); begin += rows_per_block) {
    const int64_t end = std::min(x.size(0), begin + rows_per_block);
    result.slice(0, begin, end).copy_(matmul(centred_rows(x, mean, begin, end), columns));
  }
  return result;
}

Pca fit_pca(const Tensor& x, int64_t components) {
  ROUX_CHECK(x.defined() && x.dim() == 2, "fit_pca", "x must have two dimensions, (points, dim)");
  ROUX_CHECK(x.dtype() == float32 || x.dtype() == float64, "fit_pca", "x must be float32 or float64, found ",
             x.dtype());
  const int64_t n = x.size(0), dim = x.size(1), most = std::min(n, dim);
  ROUX_CHECK(n >= 2, "fit_pca", "a variance needs at least 2 points, found ", n);
  ROUX_CHECK(components >= 1 && components <= most, "fit_pca", "components must be in [1, ", most, "] for ", n,
             " points of ", dim, " dimensions, found ", components);
  Pca pca;
  pca.mean = mean_of(x);
  const double finite = sum(pca.mean).item();
  ROUX_CHECK(std::isfinite(finite), "fit_pca", "x holds NaN or infinity");
  Eigen eigen = dim <= n ? from_covariance(x, pca.mean, components) : from_products(x, pca.mean, components);
  fix_signs(eigen.vectors);

  double total = 0;
  for (int64_t begin = 0; begin < n; begin += rows_per_block) {
    total += sum(square(centred_rows(x, pca.mean, begin, begin + rows_per_block))).item();
  }
  std::vector<double> variance, ratio;
  for (const double value : eigen.values) {
    variance.push_back(value / static_cast<double>(n - 1));
    ratio.push_back(total > 0 ? value / total : 0);
  }
  pca.components = eigen.vectors;
  pca.explained_variance = Tensor::from(variance);
  pca.explained_variance_ratio = Tensor::from(ratio);
  return pca;
}

}  // namespace roux::text
