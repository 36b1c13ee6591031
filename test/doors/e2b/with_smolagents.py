"""smolagents with its E2BExecutor: an agent whose model is a script."""

from smolagents import ChatMessage, CodeAgent, MessageRole, Model

STEPS = iter(
    [
        "Thought: first a number.\n<code>\nnumber = 6\nprint('number is', number)\n</code>",
        "Thought: an error.\n<code>\nraise KeyError('gone')\n</code>",
        "Thought: now the answer.\n<code>\nfinal_answer({'answer': number * 7, 'text': 'x' * 5000})\n</code>",
    ]
)


class Scripted(Model):
    def generate(self, messages, **options):
        return ChatMessage(role=MessageRole.ASSISTANT, content=next(STEPS))


with CodeAgent(tools=[], model=Scripted(), executor_type="e2b", verbosity_level=0) as agent:
    answer = agent.run("What is six times seven?")
    print(answer["answer"], len(answer["text"]))
    print("number is 6" in agent.memory.steps[1].observations, "KeyError" in str(agent.memory.steps[2].error))
