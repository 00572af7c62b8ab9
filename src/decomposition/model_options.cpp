#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string_view>

#include "partita/decomposition/model.hpp"

namespace partita::decomposition {
namespace {

/// Reads the keys of one table, each falling back to the option's default.
class Reader {
 public:
  explicit Reader(io::Config table) : table_(std::move(table)) {}

  template <class T>
  void read(const std::string& key, T& value) const {
    value = table_.get<T>(key, value);
  }
  void one_of(const std::string& key, std::string& value,
              std::initializer_list<std::string_view> names) const {
    read(key, value);
    table_.require(std::find(names.begin(), names.end(), value) != names.end(), key,
                   fmt::format("one of {}", fmt::join(names, ", ")));
  }
  void at_least(const std::string& key, std::int64_t& value, std::int64_t minimum) const {
    read(key, value);
    table_.require(value >= minimum, key, fmt::format("a whole number of at least {}", minimum));
  }
  void positive(const std::string& key, std::vector<std::int64_t>& values) const {
    read(key, values);
    const bool good = !values.empty() && std::all_of(values.begin(), values.end(),
                                                     [](std::int64_t value) { return value >= 1; });
    table_.require(good, key, "whole numbers of at least 1");
  }
  /// One flag a level, written as 0 and 1.
  void flags(const std::string& key, std::vector<bool>& values) const {
    std::vector<std::int64_t> numbers(values.begin(), values.end());
    read(key, numbers);
    const bool good = std::all_of(numbers.begin(), numbers.end(),
                                  [](std::int64_t number) { return number == 0 || number == 1; });
    table_.require(good, key, "zeros and ones, one a level");
    values.assign(numbers.size(), false);
    std::transform(numbers.begin(), numbers.end(), values.begin(),
                   [](std::int64_t number) { return number == 1; });
  }
  void probability(const std::string& key, double& value) const {
    read(key, value);
    table_.require(value >= 0.0 && value < 1.0, key, "a probability in [0, 1)");
  }
  void length(const std::string& key, std::size_t found, std::size_t expected) const {
    table_.require(found == expected, key, fmt::format("{} entries, one a level", expected));
  }
  [[nodiscard]] const io::Config& table() const { return table_; }

 private:
  io::Config table_;
};

void read_encoder(const Reader& in, nn::SemanticEncoderOptions& encoder) {
  in.one_of("kind", encoder.kind, {"multi", "common"});
  in.at_least("n_comp", encoder.n_comp, 1);
  in.at_least("in_dim", encoder.in_dim, 1);
  in.positive("channels", encoder.channels);
  const std::size_t levels = encoder.channels.size();
  encoder.kernel.resize(levels, 3);
  encoder.strides.resize(levels, 1);
  encoder.attn.resize(levels, false);
  in.positive("kernel", encoder.kernel);
  in.positive("strides", encoder.strides);
  in.flags("attn", encoder.attn);
  in.length("kernel", encoder.kernel.size(), levels);
  in.length("strides", encoder.strides.size(), levels);
  in.length("attn", encoder.attn.size(), levels);
  in.one_of("activation", encoder.activation, {"relu", "silu", "leaky", "snake", "tanh", "id"});
  in.one_of("norm", encoder.norm, {"gn", "bn", "none"});
  in.one_of("out_fn", encoder.out_fn, {"relu", "silu", "leaky", "snake", "tanh", "id"});
  in.read("add_gru", encoder.add_gru);
  in.read("bias", encoder.bias);
  in.probability("p_drop", encoder.p_drop);
}

void read_unet(const Reader& in, nn::UNetOptions& unet) {
  in.positive("channels", unet.channels);
  in.table().require(unet.channels.size() >= 2, "channels", "the data's channels, then one entry a level");
  const std::size_t levels = unet.channels.size() - 1;
  in.positive("kernels", unet.kernels);
  in.positive("strides", unet.strides);
  in.flags("attn", unet.attn);
  in.length("kernels", unet.kernels.size(), levels);
  in.length("strides", unet.strides.size(), levels);
  in.length("attn", unet.attn.size(), levels);
  in.at_least("cond_dim", unet.cond_dim, 4);
  in.table().require(unet.cond_dim % 2 == 0, "cond_dim", "an even number");
  in.at_least("tcond_dim", unet.tcond_dim, 0);
  in.read("factor", unet.factor);
  in.read("endpoint", unet.endpoint);
  in.one_of("norm", unet.norm, {"gn", "bn", "none"});
  in.one_of("activation", unet.activation, {"relu", "silu", "leaky", "snake", "tanh", "id"});
  in.one_of("skip_type", unet.skip_type, {"cat", "add", "none"});
  in.probability("p_drop", unet.p_drop);
  in.read("bias", unet.bias);
  in.read("use_nearest", unet.use_nearest);
}

/// A TOML float: shortest text that reads back as the same number, never an integer's.
std::string number(double value) {
  std::string text = fmt::format("{}", value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

std::string list(const std::vector<std::int64_t>& values) {
  return fmt::format("[{}]", fmt::join(values, ", "));
}

std::string list(const std::vector<bool>& values) {
  return list(std::vector<std::int64_t>(values.begin(), values.end()));
}

std::string encoder_toml(const nn::SemanticEncoderOptions& encoder) {
  std::string text = "\n[model.encoder]\n";
  text +=
      fmt::format("kind = \"{}\"\nn_comp = {}\nin_dim = {}\n", encoder.kind, encoder.n_comp, encoder.in_dim);
  text += fmt::format("channels = {}\nkernel = {}\nstrides = {}\nattn = {}\n", list(encoder.channels),
                      list(encoder.kernel), list(encoder.strides), list(encoder.attn));
  text += fmt::format("activation = \"{}\"\nnorm = \"{}\"\nout_fn = \"{}\"\n", encoder.activation,
                      encoder.norm, encoder.out_fn);
  text += fmt::format("add_gru = {}\nbias = {}\np_drop = {}\n", encoder.add_gru, encoder.bias,
                      number(encoder.p_drop));
  return text;
}

}  // namespace

nn::UNetOptions unet_options(const io::Config& table, nn::UNetOptions unet) {
  read_unet(Reader(table), unet);
  return unet;
}

std::string to_toml(const nn::UNetOptions& unet, const std::string& name) {
  std::string text = fmt::format("\n[{}]\n", name);
  text += fmt::format("channels = {}\nkernels = {}\nstrides = {}\nattn = {}\n", list(unet.channels),
                      list(unet.kernels), list(unet.strides), list(unet.attn));
  text += fmt::format("cond_dim = {}\ntcond_dim = {}\nfactor = {}\nendpoint = {}\n", unet.cond_dim,
                      unet.tcond_dim, number(unet.factor), unet.endpoint);
  text += fmt::format("norm = \"{}\"\nactivation = \"{}\"\nskip_type = \"{}\"\n", unet.norm, unet.activation,
                      unet.skip_type);
  text += fmt::format("p_drop = {}\nbias = {}\nuse_nearest = {}\n", number(unet.p_drop), unet.bias,
                      unet.use_nearest);
  return text;
}

ModelOptions model_options(const io::Config& config) {
  ModelOptions options;
  const Reader model(config.table("model"));
  const std::vector<std::string> operators = composition_operator_names();
  model.read("comp_function", options.comp_function);
  model.table().require(
      std::find(operators.begin(), operators.end(), options.comp_function) != operators.end(),
      "comp_function", fmt::format("one of {}", fmt::join(operators, ", ")));
  std::string variant = options.variant == diffusion::Variant::C ? "c" : "d";
  model.one_of("variant", variant, {"c", "d"});
  options.variant = diffusion::parse_variant(variant);
  model.one_of("component_activation", options.component_activation, {"id", "softplus", "relu"});
  model.read("latent_noise", options.latent_noise);
  model.table().require(options.latent_noise >= 0.0 && std::isfinite(options.latent_noise), "latent_noise",
                        "a deviation of at least 0");
  if (model.table().has("latent_hops")) model.positive("latent_hops", options.latent_hops);
  model.read("autoencoder", options.autoencoder);
  read_encoder(Reader(model.table().table("encoder")), options.encoder);
  read_unet(Reader(model.table().table("unet")), options.unet);
  model.table().finish();
  return options;
}

nn::MaskNetworkOptions mask_options(const io::Config& config, const ModelOptions& model) {
  nn::MaskNetworkOptions options;
  options.in_dim = model.encoder.in_dim;
  options.n_comp = model.encoder.n_comp;
  const io::Config table = config.table("masks");
  const Reader masks(table);
  if (table.has("widths")) {
    masks.positive("widths", options.widths);
    return options;
  }
  masks.at_least("channels", options.channels, 1);
  masks.at_least("kernel", options.kernel, 1);
  masks.positive("dilations", options.dilations);
  return options;
}

std::string to_toml(const nn::MaskNetworkOptions& options) {
  if (!options.widths.empty()) return fmt::format("[masks]\nwidths = {}\n", list(options.widths));
  return fmt::format("[masks]\nchannels = {}\nkernel = {}\ndilations = {}\n", options.channels,
                     options.kernel, list(options.dilations));
}

std::string to_toml(const ModelOptions& options) {
  const char* variant = options.variant == diffusion::Variant::C ? "c" : "d";
  return fmt::format(
             "[model]\ncomp_function = \"{}\"\nvariant = \"{}\"\ncomponent_activation = \"{}\"\n"
             "{}latent_noise = {}\nautoencoder = {}\n",
             options.comp_function, variant, options.component_activation,
             options.latent_hops.empty() ? "" : fmt::format("latent_hops = {}\n", list(options.latent_hops)),
             number(options.latent_noise), options.autoencoder) +
         encoder_toml(options.encoder) + to_toml(options.unet, "model.unet");
}

}  // namespace partita::decomposition
