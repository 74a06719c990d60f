// Element types: their names, sizes and promotion, and the one place where a run-time type becomes a C++ type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tensor/error.h"
#include "tensor/float16.h"

namespace roux {

/// Element type of a tensor. float32, float64, int64 and boolean take part in every operation; int32, bfloat16 and
/// float16 exist for storage, casts and files: convert with `to(dtype)` before computing with them.
enum class DType : uint8_t { boolean, int32, int64, float16, bfloat16, float32, float64 };

inline constexpr DType boolean = DType::boolean;
inline constexpr DType int32 = DType::int32;
inline constexpr DType int64 = DType::int64;
inline constexpr DType float16 = DType::float16;
inline constexpr DType bfloat16 = DType::bfloat16;
inline constexpr DType float32 = DType::float32;
inline constexpr DType float64 = DType::float64;

/// Bytes of one element.
constexpr int64_t size_of(DType dtype) {
  switch (dtype) {
    case DType::boolean: return 1;
    case DType::float16:
    case DType::bfloat16: return 2;
    case DType::int32:
    case DType::float32: return 4;
    case DType::int64:
    case DType::float64: return 8;
  }
  return 0;
}

constexpr const char* name(DType dtype) {
  switch (dtype) {
    case DType::boolean: return "bool";
    case DType::int32: return "int32";
    case DType::int64: return "int64";
    case DType::float16: return "float16";
    case DType::bfloat16: return "bfloat16";
    case DType::float32: return "float32";
    case DType::float64: return "float64";
  }
  return "?";
}

inline std::string to_string(DType dtype) { return name(dtype); }

/// True for float32, float64, float16 and bfloat16.
constexpr bool is_floating(DType dtype) { return dtype >= DType::float16; }

/// The type that holds values of both: the later of the two in boolean, int32, int64, float16, bfloat16, float32,
/// float64, except that float16 with bfloat16 gives float32.
constexpr DType promote(DType a, DType b) {
  if (a != b && (a == DType::float16 || a == DType::bfloat16) && (b == DType::float16 || b == DType::bfloat16))
    return DType::float32;
  return a < b ? b : a;
}

/// The DType of a C++ element type.
template <class T>
inline constexpr DType dtype_of = [] { static_assert(sizeof(T) == 0, "not an element type"); }();
template <>
inline constexpr DType dtype_of<bool> = DType::boolean;
template <>
inline constexpr DType dtype_of<int32_t> = DType::int32;
template <>
inline constexpr DType dtype_of<int64_t> = DType::int64;
template <>
inline constexpr DType dtype_of<Float16> = DType::float16;
template <>
inline constexpr DType dtype_of<BFloat16> = DType::bfloat16;
template <>
inline constexpr DType dtype_of<float> = DType::float32;
template <>
inline constexpr DType dtype_of<double> = DType::float64;

/// Calls `f(T{})` with the C++ type of `dtype`, which must be one of `Types`; otherwise an Error that names
/// `operation`.
template <class... Types, class F>
void dispatch(DType dtype, const char* operation, F&& f) {
  const bool found = ((dtype_of<Types> == dtype && (f(Types{}), true)) || ...);
  ROUX_CHECK(found, operation, "does not take ", name(dtype), " tensors (hint: convert with to(dtype))");
}

/// dispatch over float32 and float64.
template <class F>
void dispatch_floating(DType dtype, const char* operation, F&& f) {
  dispatch<float, double>(dtype, operation, f);
}

/// dispatch over the types that take part in every operation: float32, float64, int64, boolean.
template <class F>
void dispatch_computing(DType dtype, const char* operation, F&& f) {
  dispatch<float, double, int64_t, bool>(dtype, operation, f);
}

}  // namespace roux
