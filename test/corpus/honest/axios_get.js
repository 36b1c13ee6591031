const axios = require('axios');

async function main({ url = 'https://api.example.com/data' }) {
  try {
    const response = await axios.get(url, { timeout: 500 });
    return { status: response.status, data: response.data };
  } catch (error) {
    return { ok: false, message: typeof error.message };
  }
}

module.exports = { main };
