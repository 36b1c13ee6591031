"""The cases of jupyter_kernel_test, through the gateway classes of jupyter_server. Called with the kernel's name."""

import sys
import unittest

from jupyter_client.utils import run_sync
from jupyter_kernel_test import KernelTests
from jupyter_server.gateway.managers import GatewayKernelManager


class Gateway(KernelTests):
    @classmethod
    def setUpClass(cls):
        cls.km = GatewayKernelManager()
        run_sync(cls.km.start_kernel)(kernel_name=cls.kernel_name)
        cls.kc = cls.km.client()
        run_sync(cls.kc.start_channels)()
        for name in ("get_shell_msg", "get_iopub_msg"):
            setattr(cls.kc, name, run_sync(getattr(cls.kc, name)))
        cls.kc.kernel_info()
        cls.kc.get_shell_msg(timeout=60)

    @classmethod
    def tearDownClass(cls):
        run_sync(cls.km.shutdown_kernel)()
        cls.kc.stop_channels()


class Python(Gateway):
    kernel_name = "python3"
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples = [{"text": "zi", "matches": {"zip"}}]
    complete_code_samples = ["1", "print('hello, world')", "def f(x):\n  return x*2\n\n\n"]
    incomplete_code_samples = ["print('''hello", "def f(x):\n  x*2"]
    invalid_code_samples = ["import = 7q"]
    code_generate_error = "raise"
    code_execute_result = [{"code": "1+2+3", "result": "6"}, {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"}]
    code_display_data = [{"code": "from IPython.display import HTML, display; display(HTML('<b>test</b>'))", "mime": "text/html"}]
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "zip"


class JavaScript(Gateway):
    kernel_name = "javascript"
    language_name = "javascript"
    file_extension = ".js"
    code_hello_world = "console.log('hello, world')"
    code_stderr = "console.error('test')"
    completion_samples = [{"text": "JSON.str", "matches": {"stringify"}}]
    complete_code_samples = ["1", "function f(x) {\n return x\n}"]
    incomplete_code_samples = ["function f(x) {", "`a"]
    invalid_code_samples = ["let = = 7"]
    code_generate_error = "throw new Error('x')"
    code_execute_result = [{"code": "1+2+3", "result": "6"}]
    code_inspect_sample = "parseInt"


class Bash(Gateway):
    kernel_name = "bash"
    language_name = "bash"
    file_extension = ".sh"
    code_hello_world = "echo hello, world"
    code_stderr = "echo test >&2"
    code_generate_error = "false"


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
