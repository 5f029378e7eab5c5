// kvern chat: a conversation at the terminal, or one answer to the messages of a file.
#include <iostream>
#include <kvern/error.hpp>

#include "runtime/chat/conversation.hpp"
#include "runtime/cli/chat_reply.hpp"
#include "runtime/cli/chat_terminal.hpp"
#include "runtime/cli/command.hpp"
#include "runtime/cli/explain.hpp"
#include "runtime/cli/interrupt.hpp"
#include "runtime/cli/output.hpp"
#include "runtime/cli/run_options.hpp"
#include "runtime/cli/text_file.hpp"
#include "runtime/templates/json_text.hpp"
#include "runtime/templates/model_templates.hpp"

namespace kvern::cli {
namespace {

constexpr const char *kUsage =
    "usage: kvern chat [options]\n\n"
    "Talks with a model, whose cache stays from turn to turn: only new text is computed. Answers go to "
    "standard\n"
    "output, everything else to standard error. /help lists the commands of a conversation.\n\n"
    "  kvern chat --model ~/models/Qwen2.5-0.5B-Instruct --system \"Answer in one sentence.\"\n"
    "  kvern chat --model ~/models/SmolLM2-135M-Instruct --cache 'sink' --do-sample --temperature 0.7\n"
    "  kvern chat --messages question.json --output json\n\n";

po::options_description chat_options() {
  po::options_description o("conversation", 110);
  const auto text = [](const char *name) { return po::value<std::string>()->value_name(name); };
  o.add_options()("system", text("TEXT"), "system prompt")(
      "messages", text("FILE.json"),
      "answers these messages and ends: a list of objects with role and content")(
      "chat-template", text("NAME|FILE"),
      "one of the model's templates by its name, or a file; without it the model's own")(
      "template-args", text("JSON"),
      "an object of further variables of the template, as {\"enable_thinking\": false}")(
      "tools", text("FILE.json"), "a list of tools that the template describes to the model")(
      "output", po::value<std::string>()->default_value("text")->value_name("text|json"),
      "output format of --messages")("stats", "with --messages, speed and reuse on standard error")(
      "help", "print this");
  return o;
}

po::options_description all_options() {
  po::options_description all;
  all.add(chat_options()).add(run_options()).add(generation_options());
  return all;
}

/// Everything that a user gave, read before the model is opened, so that mistakes show at once.
struct ChatArguments {
  std::vector<chat::Value> messages;
  chat::TemplateInput input;
  bool once = false, json = false, stats = false;
};

std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return local;
}

templates::Dict template_arguments(const po::variables_map &map) {
  if (!map.count("template-args")) return {};
  const auto value =
      templates::from_json(map["template-args"].as<std::string>(), "--template-args", ErrorKind::usage);
  if (!value.is_dict())
    throw Error(ErrorKind::usage, "--template-args: expected a JSON object, as {\"enable_thinking\": false}");
  return value.as_dict();
}

void add_system(const po::variables_map &map, std::vector<chat::Value> &messages) {
  if (!map.count("system")) return;
  const auto text = map["system"].as<std::string>();
  check_utf8(text, "--system");
  if (!messages.empty() && chat::role_of(messages.front()) == "system")
    throw Error(ErrorKind::usage, "--system: the file of --messages has a system message of its own");
  messages.insert(messages.begin(), chat::message("system", text));
}

ChatArguments read_arguments(const po::variables_map &map) {
  ChatArguments arguments;
  arguments.once = map.count("messages") > 0;
  arguments.json = one_of(map, "output", {"text", "json"}) == "json";
  arguments.stats = map.count("stats") > 0;
  if (!arguments.once && (arguments.json || arguments.stats))
    throw Error(ErrorKind::usage, std::string(arguments.json ? "--output json" : "--stats") +
                                      " needs --messages FILE; in a conversation /stats and /save do it");
  if (arguments.once) {
    const auto file = map["messages"].as<std::string>();
    arguments.messages = chat::read_messages(file);
    if (chat::role_of(arguments.messages.back()) == "assistant")
      throw Error(ErrorKind::input,
                  file + ": the last message is the assistant's: there is nothing to answer");
  }
  add_system(map, arguments.messages);
  if (map.count("tools")) {
    arguments.input.tools = chat::read_json_file(map["tools"].as<std::string>());
    if (!arguments.input.tools.is_list())
      throw Error(ErrorKind::input, map["tools"].as<std::string>() + ": expected a list of tools");
  }
  arguments.input.more = template_arguments(map);
  arguments.input.started = local_time();
  return arguments;
}

/// --chat-template is a name of the model's, or a file.
templates::ChatTemplate find_template(const po::variables_map &map, const std::filesystem::path &folder,
                                      bool with_tools) {
  const auto of_model = templates::ModelTemplates::read(folder);
  if (!map.count("chat-template")) return of_model.choose(std::nullopt, with_tools);
  const auto given = map["chat-template"].as<std::string>();
  const auto names = of_model.names();
  if (std::find(names.begin(), names.end(), given) == names.end() && std::filesystem::is_regular_file(given))
    return templates::read_template(given);
  return of_model.choose(given, with_tools);
}

int answer_once(const Session &session, chat::Conversation &conversation, const ChatArguments &arguments) {
  const bool streams = !arguments.json && output_is_terminal();
  const ShownReply shown = make_reply(session, conversation, streams);
  if (arguments.json)
    write_json(reply_json(session, conversation, shown));
  else if (!streams)
    write_generated(shown.reply.text + "\n");
  if (arguments.stats) std::cerr << "kvern: " << reply_summary(shown.reply) << '\n';
  return shown.interrupted ? kInterrupted : 0;
}

/// Options that a conversation does not serve.
void check_options(const po::variables_map &map, const config::RunConfig &config,
                   const ChatArguments &given) {
  if (map.count("max-batch"))
    throw Error(ErrorKind::usage,
                "--max-batch is for `kvern generate --prompts`; a conversation is one text");
  if (config.logprobs && !given.json)
    throw Error(ErrorKind::config,
                "logprobs are part of the JSON result of one answer: use --messages FILE --output json");
}

int run(const std::vector<std::string> &arguments) {
  const auto options = all_options();
  const auto map = parse(arguments, options);
  if (map.count("help")) return print_help(kUsage, options);
  auto config = read_config(map);
  if (map.count("explain")) {
    write_text(explanation(resolve_config(std::move(config)), /*only_diff=*/false));
    return 0;
  }
  take_cache_of_model(config);
  check_cache(config);
  ChatArguments given = read_arguments(map);
  check_options(map, config, given);
  auto chat_template =
      find_template(map, config.model ? *config.model : built_in_model(), !given.input.tools.is_none());
  const Session session(std::move(config));
  for (const auto &note : generation_notes(session, session.generation()))
    std::cerr << "kvern: warning: " << note << '\n';
  chat::Conversation conversation(session, std::move(chat_template), given.input);
  conversation.set_messages(given.messages);
  if (given.once) return answer_once(session, conversation, given);
  return ChatTerminal(session, conversation).run();
}

}  // namespace

extern constinit const Command command_chat{"chat", "talk with a model, whose cache stays from turn to turn",
                                            run};

}  // namespace kvern::cli
