const axios = require('axios')

class ApiClient {
  constructor({ baseURL, token }) {
    this.http = axios.create({ baseURL, timeout: 500, headers: { Authorization: `Bearer ${token}` } })
    this.http.interceptors.request.use((config) => ({ ...config, startedAt: Date.now() }))
  }

  async list(path, params = {}) {
    const { data } = await this.http.get(path, { params })
    return data
  }
}

async function main() {
  const client = new ApiClient({ baseURL: 'https://api.example.com', token: process.env.API_TOKEN || 'none' })
  const results = await Promise.allSettled([client.list('/users'), client.list('/orders', { page: 2 })])
  return results.map((r) => r.status)
}
module.exports = { main }
